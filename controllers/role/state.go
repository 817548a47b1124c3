// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"cmp"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// state is what the loop hands on: a desired state has owned and Wanted, an observed one
// owned and Observed, both with what was Asked for; a step has only the part of owned
// that it is about.
type state struct {
	owned
	Wanted   wanted
	Observed observed
	Asked    asked
}

// owned is what exists, or is to exist, in Databricks for one Role.
type owned struct {
	Principal *principal
	Groups    []group
	Assigned  bool
	// Grants are sorted by type, name and privilege.
	Grants []boundary.Grant
	// Trust is the federation policy for tokens of a service account; its principal is known once that exists.
	Trust *trust.Policy
}

// about is the state of a step.
func about(o owned) state { return state{owned: o} }

// wanted is how a desired state is to be reached, or why not.
type wanted struct {
	// Adopt says that an unmarked service principal is taken over.
	Adopt bool
	// KeepTrust says that a federation policy which is there stays as it is.
	KeepTrust bool
	// Confined says that nothing is to be held, and why; the service principal as such stays.
	Confined error
	// Unfinished says what is still missing when all of the desired state is there.
	Unfinished error
}

// observed is what else was found in Databricks.
type observed struct {
	// Duplicates are further service principals with our mark: a create was repeated whose first response was lost.
	Duplicates []principal
	// AssignedByOthers says that the assignment was there before the Role.
	AssignedByOthers bool
	// Elsewhere says why the service principal that the Role names cannot be its own.
	Elsewhere error
	// Missing are the objects that do not exist.
	Missing []boundary.Grant
	// Unread are the objects whose privileges could not be read, with why. What is recorded
	// on them counts as held, so that it is not forgotten.
	Unread []unread
	// TrustUnread says why the federation policy could not be read. The record of it is kept.
	TrustUnread error
}

// asked is what the Role asks for, for the report and for records of intent.
type asked struct {
	// Subject is whose tokens are to count.
	Subject string
	// MemberOf are the groups.
	MemberOf []string
	// Needs are where the grants and scopes come from.
	Needs access.Needs
}

// principal is a service principal.
type principal struct {
	ID, ApplicationID, DisplayName string
	Active                         bool
	// Adopted says that the Role names it, and did not make it.
	Adopted bool
	// Unmarked says, of an adopted one, that it carries no external id yet.
	Unmarked bool
}

// unread is an object whose privileges could not be read.
type unread struct {
	Object boundary.Grant
	Err    error
}

// isUnread says whether the object of a grant could not be read.
func (s state) isUnread(g boundary.Grant) bool {
	return slices.ContainsFunc(s.Observed.Unread, func(u unread) bool { return u.Object.Type == g.Type && u.Object.Name == g.Name })
}

// group is an account group that the role is, or was, a member of.
type group struct {
	Name, ID string
	Member   bool
	// Ours says that the group carries our mark.
	Ours bool
	// Empty says that nobody else is a member.
	Empty bool
	// Administers says that its members may do everything in the account.
	Administers bool
	// MayCreate says, of a wanted group, that it may be created.
	MayCreate bool
	// Keep says, of a group that carries a mark of ours, that another Role asks for it.
	Keep bool
	// Adopted says that it existed before, and carries our mark for such; Unmarked that it
	// carries none; and Adopt, of a wanted group, that it is to get ours.
	Adopted, Unmarked, Adopt bool
}

func (s state) group(name string) *group {
	if i := slices.IndexFunc(s.Groups, func(g group) bool { return g.Name == name }); i >= 0 {
		return &s.Groups[i]
	}
	return nil
}

// withGroup returns the state with one group replaced, and leaves the old one as it was.
func (s state) withGroup(g group) state {
	s.Groups = slices.DeleteFunc(slices.Clone(s.Groups), func(o group) bool { return o.Name == g.Name })
	s.Groups = append(s.Groups, g)
	slices.SortFunc(s.Groups, func(a, b group) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// grant converts a record of status.
func grantOf(g v1alpha1.RoleGrant) boundary.Grant {
	return boundary.Grant{Type: g.Type, Name: g.Name, Privilege: g.Privilege}
}

// record converts a grant to a record of status.
func recordOf(g boundary.Grant) v1alpha1.RoleGrant {
	return v1alpha1.RoleGrant{Type: g.Type, Name: g.Name, Privilege: g.Privilege}
}

// sorted returns grants in order, each once.
func sorted(list []boundary.Grant) []boundary.Grant {
	list = slices.Clone(list)
	slices.SortFunc(list, access.CompareGrants)
	return slices.Compact(list)
}
