// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// conditions say whether the Boundary allows what is asked for.
func (adapter) conditions(in input) []metav1.Condition {
	return []metav1.Condition{governed.WithinBoundary("The Boundary allows what is asked for", in.outside)}
}

// intend records settings before they are written.
func (adapter) intend(m *v1alpha1.ModelEndpoint, _ state, s external.Step[state]) {
	m.Status.Applied = sorted(append(slices.Clone(m.Status.Applied), records(s.Want)...))
}

// Report fills in the status from what was observed.
func (adapter) Report(m *v1alpha1.ModelEndpoint, have state) {
	ours := have.Mark == have.Ours
	var applied []v1alpha1.AppliedSetting
	keep := func(r v1alpha1.AppliedSetting) {
		_, there := have.Settings[r.Name]
		_, wanted := have.Wanted[r.Name]
		if there || wanted {
			applied = append(applied, r)
		}
	}
	for _, r := range m.Status.Applied {
		keep(r)
	}
	for name, value := range have.Wanted {
		if ours && have.Settings.same(name, value) {
			// The mark is older than everything that is declared: what is there is ours, also when the record was lost.
			keep(v1alpha1.AppliedSetting{Name: name, Role: have.Roles[name]})
		}
	}
	m.Status.Mark, m.Status.Applied, m.Status.RateLimits = have.Mark, sorted(applied), nil
	for _, r := range m.Status.Applied {
		parts := strings.SplitN(r.Name, "/", 3)
		value, there := have.Settings[r.Name]
		if !ours || !there || parts[0] != rateLimits {
			continue
		}
		var l limit
		_ = json.Unmarshal([]byte(value), &l) // a list, of somebody else's making, shows no numbers
		out := v1alpha1.AppliedRateLimit{Key: parts[1], Role: r.Role, CallsPerMinute: l.Calls, TokensPerMinute: l.Tokens}
		if len(parts) == 3 {
			out.Principal = parts[2]
		}
		m.Status.RateLimits = append(m.Status.RateLimits, out)
	}
}

// sorted is the record in order, each setting once, with its Role where one is known.
func sorted(list []v1alpha1.AppliedSetting) []v1alpha1.AppliedSetting {
	slices.SortStableFunc(list, func(a, b v1alpha1.AppliedSetting) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(list, func(a, b v1alpha1.AppliedSetting) bool { return a.Name == b.Name })
}
