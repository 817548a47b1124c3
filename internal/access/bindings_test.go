// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestBindings(t *testing.T) {
	bySelector := func(s metav1.LabelSelector) change {
		return func(e *Inventory) { e.Policies[0].Spec.Roles, e.Policies[0].Spec.NamespaceSelector = nil, &s }
	}
	partners := bySelector(metav1.LabelSelector{MatchLabels: map[string]string{"tier": "partner"}})
	for name, c := range map[string]struct {
		changes []change
		want    []string // "<role> <subject>"
		refused []string // "<role> <reason>"
	}{
		"a Role named has the subject that the policy says": {want: []string{"sales/manager sales-manager"}},
		"a Role named that does not exist is said": {
			changes: []change{func(e *Inventory) { e.Policies[0].Spec.Roles[0].Name = "nobody" }}, refused: []string{"sales/nobody RoleNotFound"},
		},
		"a Role of another namespace cannot be named": {
			changes: []change{func(e *Inventory) { e.Policies[0].Spec.Roles[0].Name = "west" }}, refused: []string{"sales/west RoleNotFound"},
		},
		"a Role that is selected has the fixed subject":             {changes: []change{partners}, want: []string{"acme/west acme/west"}},
		"Role labels do not choose it":                              {changes: []change{bySelector(metav1.LabelSelector{MatchLabels: map[string]string{"region": "west"}})}},
		"an empty selector selects nothing":                         {changes: []change{bySelector(metav1.LabelSelector{})}},
		"a broken selector selects nothing":                         {changes: []change{bySelector(metav1.LabelSelector{MatchExpressions: broken})}},
		"a namespace that is not known is not selected":             {changes: []change{partners, func(e *Inventory) { e.Namespaces = e.Namespaces[:1] }}},
		"a Role named that is being deleted is left out quietly":    {changes: []change{func(e *Inventory) { gone(&e.Roles[0]) }}},
		"a Role selected that is being deleted is left out quietly": {changes: []change{partners, func(e *Inventory) { gone(&e.Roles[1]) }}},
		"a Role both named and selected has both subjects": {
			changes: []change{func(e *Inventory) {
				e.Policies[0].Spec.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "internal"}}
			}},
			want: []string{"sales/manager sales-manager", "sales/manager sales/manager"},
		},
		"the order of Roles does not matter": {
			changes: []change{
				func(e *Inventory) { e.Roles = append(e.Roles, role("acme", "east", "app-east", nil)) }, partners,
			},
			want: []string{"acme/east acme/east", "acme/west acme/west"},
		},
		"a Role selected needs the consent of its own Boundary": {
			changes: []change{partners, func(e *Inventory) { e.Boundaries[1].Spec.Issuers = []v1alpha1.HTTPSURL{"https://other.example.com"} }},
			refused: []string{"acme/west OutsideBoundary"},
		},
		"the consent is for the issuer byte for byte": {
			changes: []change{partners, func(e *Inventory) { e.Boundaries[1].Spec.Issuers = []v1alpha1.HTTPSURL{issuer + "/"} }},
			refused: []string{"acme/west OutsideBoundary"},
		},
		"a Role selected needs a Boundary that allows a server of the policy's namespace": {
			changes: []change{partners, func(e *Inventory) {
				e.Boundaries[1].Spec.Servers = []v1alpha1.NamePattern{"acme/*", "sales-2/*", "sales", "sales/"}
			}},
			refused: []string{"acme/west OutsideBoundary"},
		},
		"one server is enough": {
			changes: []change{partners, func(e *Inventory) { e.Boundaries[1].Spec.Servers = []v1alpha1.NamePattern{"sales/tools"} }}, want: []string{"acme/west acme/west"},
		},
		"a policy of the Role's own namespace needs no server": {
			changes: []change{func(e *Inventory) { e.Boundaries[0].Spec.Servers = nil }}, want: []string{"sales/manager sales-manager"},
		},
		"a Role selected whose namespace has no Boundary is refused": {
			changes: []change{partners, func(e *Inventory) { e.Boundaries = e.Boundaries[:1] }}, refused: []string{"acme/west NoBoundary"},
		},
		"a Role named needs the consent of its Boundary too": {
			changes: []change{func(e *Inventory) { e.Boundaries[0].Spec.Issuers = nil }}, refused: []string{"sales/manager OutsideBoundary"},
		},
		"a Role of another workspace is refused": {
			changes: []change{partners, func(e *Inventory) { e.Roles[1].Spec.WorkspaceRef.Name = "other" }}, refused: []string{"acme/west Invalid"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := inventory(c.changes...)
			bindings, refusals := e.Bindings(&e.Policies[0])
			var got, refused []string
			for _, b := range bindings {
				got = append(got, Key(b.Role)+" "+b.Subject)
			}
			for _, r := range refusals {
				refused = append(refused, r.Role+" "+r.Reason)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error("bindings:", diff)
			}
			if diff := cmp.Diff(c.refused, refused); diff != "" {
				t.Error("refusals:", diff)
			}
		})
	}
}
