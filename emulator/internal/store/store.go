// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// FileName is the name of the snapshot in the state folder.
const FileName = "state.json"

// Store is all collections of an emulator. It is safe for concurrent use.
type Store struct {
	mu   sync.RWMutex
	file string // empty: nothing is kept over a restart
	// collections are by name. Those that nobody opened yet are in it, so that a change
	// before that keeps them.
	collections map[string]*encoded
	opened      map[string]bool
}

// Open reads the snapshot of a folder, or begins without any rows. An empty folder
// keeps nothing over a restart. A file that cannot be read is an error and stays as it is.
func Open(dir string) (*Store, error) {
	s := &Store{collections: map[string]*encoded{}, opened: map[string]bool{}}
	if dir == "" {
		return s, nil
	}
	s.file = filepath.Join(dir, FileName)
	raw, err := os.ReadFile(s.file)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	if s.collections, err = decode(raw); err != nil {
		return nil, s.unreadable(err)
	}
	return s, nil
}

// unreadable is the error for a snapshot that cannot be used.
func (s *Store) unreadable(cause error) error {
	return fmt.Errorf("read the state: the file %s cannot be used: %w; restore it, or remove it to begin with empty state", s.file, cause)
}

// Tx is a transaction. Its methods are those of the collections.
type Tx struct {
	store   *Store
	changes bool
	undo    []func()
	err     error
}

// Read begins a transaction that changes nothing. The caller must call End.
func (s *Store) Read() *Tx {
	s.mu.RLock()
	return &Tx{store: s}
}

// End ends a transaction that Read began.
func (tx *Tx) End() { tx.store.mu.RUnlock() }

// Change runs f in a transaction and writes what it changed, all or nothing.
func (s *Store) Change(f func(tx *Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := &Tx{store: s, changes: true}
	kept := false
	defer func() { // also when f panics
		if !kept {
			tx.rollBack()
		}
	}()
	if err := errors.Join(f(tx), tx.err); err != nil {
		return err
	}
	if len(tx.undo) > 0 {
		if err := s.write(); err != nil {
			return fmt.Errorf("keep the state: %w", err)
		}
	}
	kept = true
	return nil
}

func (tx *Tx) rollBack() {
	for i := len(tx.undo) - 1; i >= 0; i-- {
		tx.undo[i]()
	}
}

// write replaces the snapshot in one step. The caller holds the lock.
func (s *Store) write() error {
	if s.file == "" {
		return nil
	}
	temporary := s.file + ".tmp"
	if err := os.WriteFile(temporary, encode(s.collections), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, s.file)
}

// open gives the rows of a collection to the one that opens it.
func (s *Store) open(name string) (*encoded, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened[name] {
		return nil, fmt.Errorf("open the collection %s: it is open already", name)
	}
	s.opened[name] = true
	if s.collections[name] == nil {
		s.collections[name] = &encoded{rows: map[string]json.RawMessage{}}
	}
	return s.collections[name], nil
}
