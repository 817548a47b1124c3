// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package metastore

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// AllPrivileges is stored as itself and not expanded.
const AllPrivileges = "ALL_PRIVILEGES"

// applicable says which privileges an object of a type can be granted.
var applicable = map[string][]string{
	TypeCatalog: {
		"USE_CATALOG", "USE_SCHEMA", "SELECT", "EXECUTE", "MODIFY", "READ_VOLUME", "CREATE_SCHEMA", "CREATE_TABLE", "CREATE_FUNCTION",
		"CREATE_VOLUME", "CREATE_SERVICE", "BROWSE", "MANAGE", "APPLY_TAG", AllPrivileges,
	},
	TypeSchema: {
		"USE_SCHEMA", "SELECT", "EXECUTE", "MODIFY", "READ_VOLUME", "CREATE_TABLE", "CREATE_FUNCTION", "CREATE_VOLUME", "CREATE_SERVICE", "BROWSE",
		"MANAGE", "APPLY_TAG", AllPrivileges,
	},
	TypeTable:    {"SELECT", "MODIFY", "APPLY_TAG", "BROWSE", "MANAGE", AllPrivileges},
	TypeFunction: {"EXECUTE", "MANAGE", AllPrivileges},
	// A connection is in no catalog: what is granted there does not reach it.
	TypeConnection: {"USE_CONNECTION", "CREATE_FOREIGN_CATALOG", "CREATE_FOREIGN_SECURABLE", "MANAGE", AllPrivileges},
	TypeMetastore:  {"CREATE_CONNECTION"},
	TypeMCPService: {"EXECUTE", "MANAGE", AllPrivileges},
}

// Change is what one principal gains and loses on an object.
type Change struct {
	Principal string   `json:"principal"`
	Add       []string `json:"add,omitempty"`
	Remove    []string `json:"remove,omitempty"`
}

// Holds says whether a principal has a privilege on an object: as its owner or
// that of what it is in, or by a grant to it, to one of its groups or to
// everybody, on the object or on what it is in.
func (st *Store) Holds(principal string, s Securable, privilege string) bool {
	names := append(st.Directory.GroupsOf(principal), principal, "account users")
	tx := st.state.Read()
	defer tx.End()
	for at := s; at.Name != ""; at = at.Parent() {
		if o, ok := st.objects.Get(tx, at.key()); ok && o.ownedBy(names) {
			return true
		}
		grants := st.held(tx, at)
		for _, n := range names {
			held := grants[n]
			if slices.Contains(held, privilege) || slices.Contains(held, AllPrivileges) && privilege != "MANAGE" {
				return true
			}
		}
	}
	return false
}

// MayManage says whether a principal may change an object and grants on it.
func (st *Store) MayManage(principal string, s Securable) bool {
	return st.Directory.IsAdmin(principal) || st.Holds(principal, s, "MANAGE")
}

// Direct returns what principals hold on an object directly, by name; an empty principal means all.
func (st *Store) Direct(s Securable, principal string) []Entry {
	tx := st.state.Read()
	defer tx.End()
	out := []Entry{}
	grants := st.held(tx, s)
	for _, name := range slices.Sorted(maps.Keys(grants)) {
		if principal == "" || strings.EqualFold(principal, name) {
			out = append(out, Entry{name, slices.Clone(grants[name])})
		}
	}
	return out
}

// Inherited is a privilege with the object it was granted on.
type Inherited struct {
	Privilege string `json:"privilege"`
	FromType  string `json:"inherited_from_type,omitempty"`
	FromName  string `json:"inherited_from_name,omitempty"`
}

// Effective returns what principals hold on an object, directly or from what it
// is in. With a principal, what its groups hold counts for it.
func (st *Store) Effective(s Securable, principal string) map[string][]Inherited {
	out := map[string][]Inherited{}
	var groups []string
	if principal != "" {
		groups = append(st.Directory.GroupsOf(principal), "account users")
	}
	for at := s; at.Name != ""; at = at.Parent() {
		for _, e := range st.Direct(at, "") {
			as := e.Principal
			if principal != "" && (as == principal || slices.Contains(groups, as)) {
				as = principal
			}
			if principal == "" || as == principal {
				out[as] = e.inherited(out[as], at, s)
			}
		}
	}
	return out
}

// inherited adds what an entry on one object gives on another to a list.
func (e Entry) inherited(list []Inherited, from, on Securable) []Inherited {
	for _, p := range e.Privileges {
		one := Inherited{Privilege: p}
		if from != on {
			one.FromType, one.FromName = strings.ToUpper(from.Type), from.Name
		}
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

// Apply makes changes to the grants on an object, all or none.
func (st *Store) Apply(s Securable, changes []Change) error {
	if _, ok := st.Get(s); !ok {
		return Missing(s)
	}
	for _, c := range changes {
		if err := st.checkChange(s, c); err != nil {
			return err
		}
	}
	return st.Change(func(tx *store.Tx) error {
		grants := maps.Clone(st.held(tx, s))
		if grants == nil {
			grants = map[string][]string{}
		}
		for _, c := range changes {
			if held := c.apply(grants[c.Principal]); len(held) > 0 {
				grants[c.Principal] = held
			} else {
				delete(grants, c.Principal)
			}
		}
		st.grants.Put(tx, s.key(), grants)
		return nil
	})
}

// apply returns what a principal holds after the change, in order.
func (c Change) apply(held []string) []string {
	held = slices.DeleteFunc(slices.Clone(held), func(p string) bool {
		return slices.Contains(c.Remove, p) || slices.Contains(c.Remove, AllPrivileges)
	})
	held = append(held, c.Add...)
	slices.Sort(held)
	return slices.Compact(held)
}

func (st *Store) checkChange(s Securable, c Change) error {
	for _, p := range slices.Concat(c.Add, c.Remove) {
		grantable := !s.InSystem() || slices.Contains(systemPrivileges, p) || !slices.Contains(c.Add, p)
		if !grantable || !slices.Contains(applicable[s.Type], p) {
			return wire.BadParameter(fmt.Sprintf(
				"Privilege %s is not applicable to this entity [name:%s/%s]. If this seems unexpected, please check the privilege version of the metastore in use [1.0].",
				p, strings.ToUpper(s.Type), strings.ToUpper(s.Type)+map[bool]string{true: "_HTTP", false: "_STANDARD"}[s.Type == TypeConnection]))
		}
	}
	for _, p := range c.Add {
		if slices.Contains(c.Remove, p) {
			return wire.BadParameter(fmt.Sprintf("Duplicate privileges to add and delete for principal %s.", c.Principal))
		}
	}
	tx := st.state.Read()
	_, orphan := st.held(tx, s)[c.Principal]
	tx.End()
	if !st.Directory.PrincipalExists(c.Principal) && (!orphan || len(c.Add) > 0) {
		return &wire.Error{Status: 404, Code: "PRINCIPAL_DOES_NOT_EXIST", Message: "Could not find principal with name " + c.Principal}
	}
	return nil
}

// Missing is the error for an object that does not exist.
func Missing(s Securable) error {
	word := strings.ToUpper(s.Type[:1]) + s.Type[1:]
	if s.Type == TypeMCPService {
		word = "MCP service"
	}
	return &wire.Error{Status: 404, Code: strings.ToUpper(s.Type) + "_DOES_NOT_EXIST", Message: fmt.Sprintf("%s '%s' does not exist.", word, s.Name)}
}

// Visible says whether a principal may know that an object exists: an
// administrator, its owner, and whoever holds something on it, on what it is in or
// on something in it.
func (st *Store) Visible(principal string, s Securable) bool {
	if st.Directory.IsAdmin(principal) {
		return true
	}
	names := append(st.Directory.GroupsOf(principal), principal, "account users")
	tx := st.state.Read()
	defer tx.End()
	holdsAny := func(o Securable) bool {
		grants := st.held(tx, o)
		return slices.ContainsFunc(names, func(n string) bool { return len(grants[n]) > 0 })
	}
	for _, o := range st.objects.All(tx) {
		at := o.Securable()
		if (at == s || s.contains(at.Name) || at.contains(s.Name)) && (o.ownedBy(names) || holdsAny(at)) {
			return true
		}
	}
	return false
}
