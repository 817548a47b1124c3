// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package metastore

import (
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
)

// Entry is what one principal holds on one object directly.
type Entry struct {
	Principal  string   `json:"principal"`
	Privileges []string `json:"privileges"`
}

// Directory answers what the metastore must know of principals.
type Directory interface {
	GroupsOf(principal string) []string
	PrincipalExists(name string) bool
	IsAdmin(principal string) bool
}

// Store is the metastore. It is safe for concurrent use. Methods that take a
// transaction are for a change that is more than one write: see Change.
type Store struct {
	Directory Directory
	state     *store.Store
	objects   *store.Collection[Object]
	// grants are privileges by principal; their keys are those of the objects.
	grants *store.Collection[map[string][]string]
}

// Open opens the metastore of a state.
func Open(s *store.Store, d Directory) (*Store, error) {
	objects, err := store.Collect[Object](s, "metastore.objects")
	if err != nil {
		return nil, err
	}
	grants, err := store.Collect[map[string][]string](s, "metastore.grants")
	return &Store{Directory: d, state: s, objects: objects, grants: grants}, err
}

// State is the state that the metastore is a part of.
func (st *Store) State() *store.Store { return st.state }

// Change runs f in a transaction and keeps what it did, or nothing if it fails.
func (st *Store) Change(f func(tx *store.Tx) error) error { return st.state.Change(f) }

// held are the privileges that principals were granted on an object.
func (st *Store) held(tx *store.Tx, s Securable) map[string][]string {
	grants, _ := st.grants.Get(tx, s.key())
	return grants
}

// Get returns an object.
func (st *Store) Get(s Securable) (Object, bool) {
	tx := st.state.Read()
	defer tx.End()
	return st.GetIn(tx, s)
}

// GetIn is Get in a transaction.
func (st *Store) GetIn(tx *store.Tx, s Securable) (Object, bool) {
	if s == Root {
		return Object{Type: s.Type, Name: s.Name}, true
	}
	return st.objects.Get(tx, s.key())
}

// RenameIn gives an object that nothing is in another name and keeps the grants on it.
func (st *Store) RenameIn(tx *store.Tx, s Securable, to string) error {
	if err := errors.Join(readOnly(s), readOnly(Securable{s.Type, to})); err != nil {
		return err
	}
	o, ok := st.objects.Get(tx, s.key())
	if !ok {
		return Missing(s)
	}
	grants, granted := st.grants.Get(tx, s.key())
	st.remove(tx, s.key())
	o.Name = to
	st.put(tx, o)
	if granted {
		st.grants.Put(tx, o.Securable().key(), grants)
	}
	return nil
}

// List returns the objects of a type directly in a parent, by name.
func (st *Store) List(kind string, parent Securable) []Object {
	tx := st.state.Read()
	defer tx.End()
	var out []Object
	for _, o := range st.objects.All(tx) {
		if o.Type == kind && o.Securable().Parent() == parent {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b Object) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Put writes an object, of any catalog but system.
func (st *Store) Put(o Object) error {
	return st.Change(func(tx *store.Tx) error { return st.PutIn(tx, o) })
}

// PutIn is Put in a transaction.
func (st *Store) PutIn(tx *store.Tx, o Object) error {
	if err := readOnly(o.Securable()); err != nil {
		return err
	}
	st.put(tx, o)
	return nil
}

func (st *Store) put(tx *store.Tx, o Object) { st.objects.Put(tx, o.Securable().key(), o) }

// remove removes an object and the grants on it.
func (st *Store) remove(tx *store.Tx, key string) {
	st.objects.Delete(tx, key)
	st.grants.Delete(tx, key)
}

// Drop removes an object with all that is in it and all grants on them.
func (st *Store) Drop(s Securable) error {
	return st.Change(func(tx *store.Tx) error { return st.DropIn(tx, s) })
}

// DropIn is Drop in a transaction.
func (st *Store) DropIn(tx *store.Tx, s Securable) error {
	if err := readOnly(s); err != nil {
		return err
	}
	for key, o := range st.objects.All(tx) {
		if o.Securable() == s || s.contains(o.Name) {
			st.remove(tx, key)
		}
	}
	return nil
}

// contains says whether an object with a full name is in a catalog or schema, at any depth.
func (s Securable) contains(name string) bool {
	return (s.Type == TypeCatalog || s.Type == TypeSchema) && strings.HasPrefix(name, s.Name+".")
}

// HasChildren says whether something is in a catalog or schema.
func (st *Store) HasChildren(s Securable) bool {
	if s.Type != TypeCatalog && s.Type != TypeSchema {
		return false
	}
	tx := st.state.Read()
	defer tx.End()
	for _, o := range st.objects.All(tx) {
		if o.Securable().Parent() == s {
			return true
		}
	}
	return false
}
