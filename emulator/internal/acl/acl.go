// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package acl

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
)

// Kind is a kind of objects.
type Kind struct {
	// Path is the kind's part of the URL, such as genie.
	Path string
	// MorePaths are further parts of URLs under which the same lists are served.
	MorePaths []string
	// Type is object_type in answers, such as genie-space.
	Type string
	// Noun is what people call one of them, such as Genie space.
	Noun string
	// Levels are the permission levels, in the order in which they are listed.
	Levels []string
	// Alias maps levels that are accepted to those that they stand for.
	Alias map[string]string
	// Exists says whether there is an object with an id.
	Exists func(id string) bool
	// Owner is a level beside CAN_MANAGE that may manage; empty for most kinds.
	Owner string
	// MayResign says that a caller may take its own right to manage away.
	MayResign bool
	// Missing is the message for an id without an object. Empty names the noun and the id.
	Missing string
	// Plural is how the message for a level that the kind lacks names the kind. Empty is
	// the noun with its article.
	Plural string
}

// managers are the levels that may read and change an access list.
func (k Kind) managers() []string {
	if k.Owner == "" {
		return []string{manage}
	}
	return []string{manage, k.Owner}
}

func (k Kind) missing(id string) string {
	return cmp.Or(k.Missing, k.Noun+" "+id+" does not exist.")
}

func (k Kind) lacksLevel() string {
	return "Permission level is not applicable to " + cmp.Or(k.Plural, "a "+k.Noun)
}

// manage is the level that may read and change access lists.
const manage = "CAN_MANAGE"

// Directory answers what access lists must know of principals.
type Directory interface {
	GroupsOf(principal string) []string
	PrincipalExists(name string) bool
	IsAdmin(principal string) bool
	DisplayName(principal string) string
}

// Entry is what one principal may do with an object directly.
type Entry struct {
	// Kind is service_principal_name, user_name or group_name.
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Level string `json:"level"`
}

func (e Entry) key() string { return e.Kind + ":" + e.Name }

// Store is the access lists of one kind. It is safe for concurrent use.
type Store struct {
	kind      Kind
	directory Directory
	state     *store.Store
	lists     *store.Collection[[]Entry] // by object
}

// Open opens the access lists of a kind in a state.
func Open(s *store.Store, kind Kind, d Directory) (*Store, error) {
	lists, err := store.Collect[[]Entry](s, "permissions."+kind.Path)
	return &Store{kind: kind, directory: d, state: s, lists: lists}, err
}

// list is the access list of an object.
func (s *Store) list(id string) []Entry {
	tx := s.state.Read()
	defer tx.End()
	out, _ := s.lists.Get(tx, id)
	return out
}

// Allows says whether a principal holds one of the levels on an object, by itself,
// by one of its groups or as an administrator.
func (s *Store) Allows(principal, id string, levels ...string) bool {
	if s.directory.IsAdmin(principal) {
		return true
	}
	return holds(s.list(id), principal, s.directory.GroupsOf(principal), levels)
}

func holds(list []Entry, principal string, groups, levels []string) bool {
	return slices.ContainsFunc(list, func(e Entry) bool {
		mine := e.Kind != "group_name" && e.Name == principal || e.Kind == "group_name" && slices.Contains(groups, e.Name)
		return mine && slices.Contains(levels, e.Level)
	})
}

// errRetain is a change by which a caller would take its own CAN_MANAGE away.
var errRetain = errors.New("the caller must retain its permission to manage")

// write upserts entries, or replaces all that there are.
func (s *Store) write(caller, id string, wanted map[string]Entry, replace bool) error {
	admin, groups := s.directory.IsAdmin(caller), s.directory.GroupsOf(caller)
	return s.state.Change(func(tx *store.Tx) error {
		if !replace {
			old, _ := s.lists.Get(tx, id)
			for _, e := range old {
				if _, ok := wanted[e.key()]; !ok {
					wanted[e.key()] = e
				}
			}
		}
		out := make([]Entry, 0, len(wanted))
		for _, k := range slices.Sorted(maps.Keys(wanted)) {
			out = append(out, wanted[k])
		}
		if !admin && !s.kind.MayResign && !holds(out, caller, groups, s.kind.managers()) {
			return errRetain
		}
		s.lists.Put(tx, id, out)
		return nil
	})
}
