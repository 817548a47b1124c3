// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package acl keeps who may do what with the objects of one kind in a workspace,
// and serves /api/2.0/permissions/{kind}/{id} for it: GET, PATCH (upserts one level
// per principal, never removes), PUT (replaces all direct entries) and the list of
// levels. Administrators of the workspace may do everything, and are listed as the
// group "admins" with an inherited CAN_MANAGE.
package acl

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Kind is a kind of objects.
type Kind struct {
	// Path is the kind's part of the URL, such as genie.
	Path string
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
	file      string // empty: nothing is kept over a restart
	mu        sync.RWMutex
	lists     map[string][]Entry // by object
}

// Open reads the access lists of a folder, or begins without any. An empty folder keeps none.
func Open(dir string, kind Kind, d Directory) (*Store, error) {
	s := &Store{kind: kind, directory: d, lists: map[string][]Entry{}}
	if dir == "" {
		return s, nil
	}
	s.file = filepath.Join(dir, "permissions-"+kind.Path+".json")
	raw, err := os.ReadFile(s.file)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s.lists)
	}
	if err != nil {
		return nil, fmt.Errorf("read the access lists of %s: %w", kind.Path, err)
	}
	return s, nil
}

// save writes the lists in one step. The caller holds the lock.
func (s *Store) save() error {
	if s.file == "" {
		return nil
	}
	raw, err := json.MarshalIndent(s.lists, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.file+".tmp", raw, 0o600); err != nil {
		return fmt.Errorf("keep the access lists of %s: %w", s.kind.Path, err)
	}
	return os.Rename(s.file+".tmp", s.file)
}

// Allows says whether a principal holds one of the levels on an object, by itself,
// by one of its groups or as an administrator.
func (s *Store) Allows(principal, id string, levels ...string) bool {
	if s.directory.IsAdmin(principal) {
		return true
	}
	groups := s.directory.GroupsOf(principal)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return holds(s.lists[id], principal, groups, levels)
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if !replace {
		for _, e := range s.lists[id] {
			if _, ok := wanted[e.key()]; !ok {
				wanted[e.key()] = e
			}
		}
	}
	out := make([]Entry, 0, len(wanted))
	for _, k := range slices.Sorted(maps.Keys(wanted)) {
		out = append(out, wanted[k])
	}
	if !admin && !holds(out, caller, groups, []string{manage}) {
		return errRetain
	}
	s.lists[id] = out
	return s.save()
}
