// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks"
)

func TestWhoseAServicePrincipalIs(t *testing.T) {
	for name, c := range map[string]struct {
		put  string
		read *databricks.ServicePrincipal
		late bool
		want string
	}{
		"nobody's":                              {"", &databricks.ServicePrincipal{}, false, ""},
		"gone":                                  {"mine", nil, false, ""},
		"what is read":                          {"", &databricks.ServicePrincipal{ExternalID: "theirs"}, false, "theirs"},
		"taken by somebody else since":          {"mine", &databricks.ServicePrincipal{ExternalID: "theirs"}, false, "theirs"},
		"marked, and reads do not show it yet":  {"mine", &databricks.ServicePrincipal{}, false, "mine"},
		"marked long ago, and the mark is gone": {"mine", &databricks.ServicePrincipal{}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			all := &adoptionClaims{}
			if c.put != "" {
				all.of("id").put(c.put)
			}
			one := all.of("id")
			if c.late {
				one.until = time.Now()
			}
			if got := one.owner(c.read); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
