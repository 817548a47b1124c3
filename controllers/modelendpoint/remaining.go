// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// remaining is the mark and the names of settings in the record. Their values stay untold: a
// word that is not to be said can itself be a secret.
func (a adapter) remaining(m *v1alpha1.ModelEndpoint) (workspace string, lines []string) {
	if ours := mark(a.installation, m.Namespace, m.Name); m.Status.Mark == ours {
		lines = append(lines, fmt.Sprintf("tag %s=%s of the serving endpoint %s", tagKey, ours, m.Spec.EndpointName))
	}
	for _, r := range m.Status.Applied {
		line := fmt.Sprintf("setting %s of the serving endpoint %s", r.Name, m.Spec.EndpointName)
		if r.Role != "" {
			line += ", for the Role " + r.Role
		}
		lines = append(lines, line)
	}
	return m.Spec.WorkspaceRef.Name, lines
}
