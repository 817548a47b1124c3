// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
)

// Collection is rows of one type by key. Rows that it hands out are shared: whoever
// changes one changes a copy, and puts that.
type Collection[V any] struct {
	store   *Store
	name    string
	rows    map[string]V
	encoded *encoded
}

// Collect opens a collection of a store. A name can be opened once.
func Collect[V any](s *Store, name string) (*Collection[V], error) {
	encoded, err := s.open(name)
	if err != nil {
		return nil, err
	}
	c := &Collection[V]{store: s, name: name, rows: map[string]V{}, encoded: encoded}
	for key, raw := range encoded.rows {
		var v V
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, s.unreadable(fmt.Errorf("%s %q: %w", name, key, err))
		}
		c.rows[key] = v
	}
	return c, nil
}

// Get returns the row of a key.
func (c *Collection[V]) Get(tx *Tx, key string) (V, bool) {
	c.check(tx, false)
	v, ok := c.rows[key]
	return v, ok
}

// All are the rows in no order. Rows may be put and deleted meanwhile.
func (c *Collection[V]) All(tx *Tx) iter.Seq2[string, V] {
	c.check(tx, false)
	return maps.All(c.rows)
}

// Put writes a row.
func (c *Collection[V]) Put(tx *Tx, key string, v V) {
	c.check(tx, true)
	raw, err := json.Marshal(v)
	if err != nil {
		tx.err = fmt.Errorf("encode %s %q: %w", c.name, key, err)
		return
	}
	if old, ok := c.encoded.rows[key]; ok && bytes.Equal(old, raw) {
		return
	}
	c.remember(tx, key)
	c.rows[key] = v
	c.encoded.put(key, raw)
}

// Delete removes a row, if there is one.
func (c *Collection[V]) Delete(tx *Tx, key string) {
	c.check(tx, true)
	if _, ok := c.rows[key]; !ok {
		return
	}
	c.remember(tx, key)
	delete(c.rows, key)
	c.encoded.remove(key)
}

// remember has a roll-back restore a row.
func (c *Collection[V]) remember(tx *Tx, key string) {
	row, existed := c.rows[key]
	raw := c.encoded.rows[key]
	tx.undo = append(tx.undo, func() {
		if existed {
			c.rows[key] = row
			c.encoded.put(key, raw)
			return
		}
		delete(c.rows, key)
		c.encoded.remove(key)
	})
}

// check panics for a transaction of another store, and for a write in a read.
func (c *Collection[V]) check(tx *Tx, write bool) {
	if tx.store != c.store || write && !tx.changes {
		panic("store: the transaction may not be used for the collection " + c.name)
	}
}
