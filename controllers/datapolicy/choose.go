// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
)

// witness is a Role that can be asked whether it is seen as a member of groups.
type witness struct {
	Namespace, Name string
	Generation      int64
	// PrincipalID and ApplicationID are those of its service principal.
	PrincipalID, ApplicationID string
	// Groups are those it is asked about, sorted.
	Groups []string
}

func (w witness) key() string { return w.Namespace + "/" + w.Name }

// witnesses chooses a Role for each group that one can be asked about, and is pure: one
// of the DataPolicy's own namespace if there is one, and the first by its name. Each
// Role is returned once, with its groups.
func witnesses(p *v1alpha1.DataPolicy, groups []string, roles []v1alpha1.Role) []witness {
	var able []*v1alpha1.Role
	for i := range roles {
		if r := &roles[i]; r.Spec.WorkspaceRef == p.Spec.WorkspaceRef && canUse(r, p.Spec.WarehouseID) {
			able = append(able, r)
		}
	}
	slices.SortFunc(able, func(a, b *v1alpha1.Role) int {
		if near := a.Namespace == p.Namespace; near != (b.Namespace == p.Namespace) {
			return map[bool]int{true: -1, false: 1}[near]
		}
		return strings.Compare(access.Key(a), access.Key(b))
	})
	var out []witness
	for _, r := range able {
		w := witness{
			Namespace: r.Namespace, Name: r.Name, Generation: r.Generation,
			PrincipalID: r.Status.ServicePrincipal.ID, ApplicationID: r.Status.ServicePrincipal.ApplicationID,
		}
		for _, g := range groups {
			taken := slices.ContainsFunc(out, func(o witness) bool { return slices.Contains(o.Groups, g) })
			if !taken && member(r, g) {
				w.Groups = append(w.Groups, g)
			}
		}
		if len(w.Groups) > 0 {
			out = append(out, w)
		}
	}
	return out
}

// canUse says whether a Role is in place, as declared, and may use the warehouse.
func canUse(r *v1alpha1.Role, warehouse v1alpha1.WarehouseID) bool {
	ready := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady)
	return r.DeletionTimestamp.IsZero() && ready != nil && ready.Status == "True" && ready.ObservedGeneration == r.Generation &&
		r.Status.ServicePrincipal.ID != "" && r.Status.ServicePrincipal.ApplicationID != "" &&
		slices.ContainsFunc(r.Status.Grants, func(g v1alpha1.RoleGrant) bool {
			return g.Type == boundary.Warehouse && g.Name == string(warehouse) && g.Privilege == "CAN_USE"
		})
}

// member says whether a Role is declared to be in a group, and was put there.
func member(r *v1alpha1.Role, group string) bool {
	return slices.Contains(r.Spec.MemberOf, v1alpha1.AccountGroupName(group)) &&
		slices.ContainsFunc(r.Status.Groups, func(g v1alpha1.RoleGroup) bool { return g.Name == group && g.ID != "" })
}
