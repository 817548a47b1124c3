// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package visibility

import (
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/roleprobe"
)

// candidate is a Role that can be checked for its membership of groups.
type candidate struct {
	Namespace, Name string
	// Probe is that of the Role, without checks.
	Probe roleprobe.Probe
	// Groups are the groups to check, sorted.
	Groups []string
}

// text names the Role to those who may know it: the authors of its own namespace.
func (c candidate) text(namespace string) string {
	if c.Namespace == namespace {
		return "the Role " + c.Namespace + "/" + c.Name
	}
	return "a Role of another namespace"
}

// candidates chooses a Role for each group that has one, and is pure: a Role of the
// DataPolicy's own namespace if there is one, and the first by its name. Each Role is
// returned once, with its groups.
func candidates(p *v1alpha1.DataPolicy, groups []string, roles []v1alpha1.Role) []candidate {
	var capable []*v1alpha1.Role
	for i := range roles {
		if r := &roles[i]; r.Spec.WorkspaceRef == p.Spec.WorkspaceRef && roleprobe.Capable(r, p.Spec.WarehouseID) {
			capable = append(capable, r)
		}
	}
	slices.SortFunc(capable, func(a, b *v1alpha1.Role) int {
		if near := a.Namespace == p.Namespace; near != (b.Namespace == p.Namespace) {
			return map[bool]int{true: -1, false: 1}[near]
		}
		return strings.Compare(access.Key(a), access.Key(b))
	})
	var out []candidate
	for _, r := range capable {
		c := candidate{Namespace: r.Namespace, Name: r.Name, Probe: roleprobe.Of(r, p.Spec.WarehouseID)}
		for _, g := range groups {
			taken := slices.ContainsFunc(out, func(o candidate) bool { return slices.Contains(o.Groups, g) })
			if !taken && member(r, g) {
				c.Groups = append(c.Groups, g)
			}
		}
		if len(c.Groups) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// member says whether a Role is declared to be in a group, and was added to it.
func member(r *v1alpha1.Role, group string) bool {
	return slices.Contains(r.Spec.MemberOf, v1alpha1.AccountGroupName(group)) &&
		slices.ContainsFunc(r.Status.Groups, func(g v1alpha1.RoleGroup) bool { return g.Name == group && g.ID != "" })
}
