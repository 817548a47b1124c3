// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// version is that of the snapshot's format.
const version = 1

// encoded is the rows of a collection as the snapshot has them.
type encoded struct {
	rows map[string]json.RawMessage
	text []byte // all of them; nil since one was changed
}

func (e *encoded) put(key string, row json.RawMessage) { e.rows[key], e.text = row, nil }

func (e *encoded) remove(key string) {
	delete(e.rows, key)
	e.text = nil
}

// bytes is the collection as the snapshot has it.
func (e *encoded) bytes() []byte {
	if e.text == nil {
		var out bytes.Buffer
		object(&out, e.rows, func(row json.RawMessage) []byte { return row })
		e.text = out.Bytes()
	}
	return e.text
}

// decode reads a snapshot.
func decode(raw []byte) (map[string]*encoded, error) {
	var in struct {
		Version     int                                   `json:"version"`
		Collections map[string]map[string]json.RawMessage `json:"collections"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	if in.Version != version {
		return nil, fmt.Errorf("it has version %d, and this emulator reads version %d", in.Version, version)
	}
	out := map[string]*encoded{}
	for name, rows := range in.Collections {
		out[name] = &encoded{rows: rows}
	}
	return out, nil
}

// encode writes a snapshot, a row in a line, in the order of names and keys. Collections
// that did not change since the last snapshot are copied.
func encode(collections map[string]*encoded) []byte {
	var out bytes.Buffer
	out.WriteString(`{"version":` + strconv.Itoa(version) + `,"collections":`)
	object(&out, collections, (*encoded).bytes)
	out.WriteString("}\n")
	return out.Bytes()
}

// object writes an object, each member on a line of its own.
func object[V any](out *bytes.Buffer, members map[string]V, value func(V) []byte) {
	out.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		quoted, _ := json.Marshal(name) // a string has an encoding
		out.Write(quoted)
		out.WriteByte(':')
		out.Write(value(members[name]))
	}
	out.WriteByte('}')
}
