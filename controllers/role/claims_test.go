// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

func TestWhoseAServicePrincipalIs(t *testing.T) {
	for name, c := range map[string]struct {
		put  string
		read *admin.ServicePrincipal
		late bool
		want string
	}{
		"nobody's":                              {"", &admin.ServicePrincipal{}, false, ""},
		"gone":                                  {"mine", nil, false, ""},
		"what is read":                          {"", &admin.ServicePrincipal{ExternalID: "theirs"}, false, "theirs"},
		"taken by somebody else since":          {"mine", &admin.ServicePrincipal{ExternalID: "theirs"}, false, "theirs"},
		"marked, and reads do not show it yet":  {"mine", &admin.ServicePrincipal{}, false, "mine"},
		"marked long ago, and the mark is gone": {"mine", &admin.ServicePrincipal{}, true, ""},
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
