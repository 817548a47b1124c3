// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
)

// collections are all that is kept over a restart.
type collections struct {
	principals *store.Collection[Principal]
	groups     *store.Collection[Group]
	// assignments map the id of a principal or a group to USER, ADMIN.
	assignments *store.Collection[[]string]
	// counters has one row, the last id that was given.
	counters *store.Collection[int64]
}

const (
	lastID  = "last id"
	firstID = 1_000_000_000
)

// Store keeps identities. It is safe for concurrent use.
type Store struct {
	collections
	state *store.Store
	lag   atomic.Int64         // a time.Duration
	born  map[string]time.Time // under the lock of the state
}

// Lag has SCIM reads see what is created only after a while, as those of Databricks can.
func (st *Store) Lag(d time.Duration) { st.lag.Store(int64(d)) }

// visible says whether SCIM reads see an id yet. The caller is in a transaction.
func (st *Store) visible(id string) bool {
	born, known := st.born[id]
	return !known || time.Since(born) >= time.Duration(st.lag.Load())
}

// Open opens the identities of a state.
func Open(s *store.Store) (*Store, error) {
	st := &Store{state: s, born: map[string]time.Time{}}
	var errs [4]error
	st.principals, errs[0] = store.Collect[Principal](s, "identity.principals")
	st.groups, errs[1] = store.Collect[Group](s, "identity.groups")
	st.assignments, errs[2] = store.Collect[[]string](s, "identity.assignments")
	st.counters, errs[3] = store.Collect[int64](s, "identity.counters")
	return st, errors.Join(errs[:]...)
}

// state is the identities in a transaction.
type state struct {
	collections
	tx *store.Tx
}

// read begins a transaction that changes nothing. The caller must call end.
func (st *Store) read() state { return state{st.collections, st.state.Read()} }

func (s state) end() { s.tx.End() }

// change runs f in a transaction and keeps what it did, or nothing if it fails.
func (st *Store) change(f func(state) error) error {
	return st.state.Change(func(tx *store.Tx) error { return f(state{st.collections, tx}) })
}

func (s state) newID() string {
	last, ok := s.counters.Get(s.tx, lastID)
	if !ok {
		last = firstID
	}
	s.counters.Put(s.tx, lastID, last+1)
	return strconv.FormatInt(last+1, 10)
}

// byID finds a principal by its numeric id.
func (s state) byID(id string) (Principal, bool) { return s.principals.Get(s.tx, id) }

func (s state) put(p Principal) { s.principals.Put(s.tx, p.ID, p) }

func (s state) group(id string) (Group, bool) { return s.groups.Get(s.tx, id) }

func (s state) putGroup(g Group) { s.groups.Put(s.tx, g.ID, g) }

// assigned are the permissions that an id itself has on the workspace.
func (s state) assigned(id string) []string {
	out, _ := s.assignments.Get(s.tx, id)
	return out
}

// principal finds by application id or user name.
func (s state) principal(name string) (Principal, bool) {
	for _, p := range s.principals.All(s.tx) {
		if p.Name() == name && name != "" {
			return p, true
		}
	}
	return Principal{}, false
}

// Find returns a principal by its application id or user name.
func (st *Store) Find(name string) (Principal, bool) {
	s := st.read()
	defer s.end()
	return s.principal(name)
}

// groupIDs returns the ids of the groups that an id is a member of, directly or nested.
func (s state) groupIDs(id string) map[string]bool {
	found := map[string]bool{}
	for todo := []string{id}; len(todo) > 0; todo = todo[1:] {
		for gid, g := range s.groups.All(s.tx) {
			if !found[gid] && slices.Contains(g.Members, todo[0]) {
				found[gid] = true
				todo = append(todo, gid)
			}
		}
	}
	return found
}

// GroupsOf returns the names of a principal's account groups, nested ones too, sorted.
func (st *Store) GroupsOf(principal string) []string {
	return st.groupsOf(principal, func(state, string) bool { return true })
}

// WorkspaceGroupsOf returns the account groups that are also assigned to the
// workspace: what is_member() sees, in the reading of Databricks' own pages.
func (st *Store) WorkspaceGroupsOf(principal string) []string {
	return st.groupsOf(principal, func(s state, id string) bool { return len(s.assigned(id)) > 0 })
}

// groupsOf returns the names of those of a principal's groups that count, sorted.
func (st *Store) groupsOf(principal string, counts func(s state, id string) bool) []string {
	s := st.read()
	defer s.end()
	p, ok := s.principal(principal)
	if !ok {
		return nil
	}
	var out []string
	for id := range s.groupIDs(p.ID) {
		if counts(s, id) {
			g, _ := s.group(id)
			out = append(out, g.DisplayName)
		}
	}
	slices.Sort(out)
	return out
}

// PrincipalExists says whether a name can hold a grant.
func (st *Store) PrincipalExists(name string) bool {
	if name == "account users" {
		return true
	}
	s := st.read()
	defer s.end()
	if _, ok := s.principal(name); ok {
		return true
	}
	_, ok := s.groupNamed(name)
	return ok
}

// IsAdmin says whether a principal administers the workspace and its metastore.
func (st *Store) IsAdmin(principal string) bool {
	s := st.read()
	defer s.end()
	p, ok := s.principal(principal)
	return ok && (p.AccountAdmin || slices.Contains(s.permissions(p.ID), "ADMIN"))
}

// AssignedToWorkspace says whether a principal may use the workspace, by an
// assignment of its own or of a group.
func (st *Store) AssignedToWorkspace(principal string) bool {
	s := st.read()
	defer s.end()
	p, ok := s.principal(principal)
	return ok && len(s.permissions(p.ID)) > 0
}

func (s state) permissions(id string) []string {
	out := slices.Clone(s.assigned(id))
	for gid := range s.groupIDs(id) {
		out = append(out, s.assigned(gid)...)
	}
	return out
}

// CheckSecret says whether a secret is one of the service principal's.
func (st *Store) CheckSecret(applicationID, secret string) bool {
	p, ok := st.Find(applicationID)
	if !ok || !p.Active || p.ApplicationID == "" {
		return false
	}
	got := hash(secret)
	for _, s := range p.Secrets {
		if subtle.ConstantTimeCompare([]byte(s.Hash), []byte(got)) == 1 {
			return true
		}
	}
	return false
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func newSecret() string { return "dose" + strings.ToLower(rand.Text()) }

// groupNamed finds a group by its exact name.
func (s state) groupNamed(name string) (Group, bool) {
	for _, g := range s.groups.All(s.tx) {
		if g.DisplayName == name {
			return g, true
		}
	}
	return Group{}, false
}

// Dump is the state for tests, without secrets.
func (st *Store) Dump() any {
	s := st.read()
	defer s.end()
	last, _ := s.counters.Get(s.tx, lastID)
	principals := maps.Collect(s.principals.All(s.tx))
	for id, p := range principals {
		p.Secrets = nil
		principals[id] = p
	}
	return map[string]any{
		"next": max(last, firstID), "principals": principals,
		"groups": maps.Collect(s.groups.All(s.tx)), "assignments": maps.Collect(s.assignments.All(s.tx)),
	}
}

// DisplayName is what people call a principal, or empty.
func (st *Store) DisplayName(principal string) string {
	p, _ := st.Find(principal)
	return p.DisplayName
}
