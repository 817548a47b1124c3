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

// decode reads a snapshot.
func decode(raw []byte) (map[string]map[string]json.RawMessage, error) {
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
	if in.Collections == nil {
		in.Collections = map[string]map[string]json.RawMessage{}
	}
	return in.Collections, nil
}

// encode writes a snapshot, a row in a line, in the order of names and keys. The rows
// are encoded already, so that a change costs a copy of the others and no more.
func encode(collections map[string]map[string]json.RawMessage) []byte {
	var out bytes.Buffer
	out.WriteString(`{"version":` + strconv.Itoa(version) + `,"collections":{`)
	object(&out, collections, func(rows map[string]json.RawMessage) {
		out.WriteByte('{')
		object(&out, rows, func(row json.RawMessage) { out.Write(row) })
		out.WriteByte('}')
	})
	out.WriteString("}}\n")
	return out.Bytes()
}

// object writes the members of an object, each on a line of its own.
func object[V any](out *bytes.Buffer, members map[string]V, value func(V)) {
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		quoted, _ := json.Marshal(name) // a string has an encoding
		out.Write(quoted)
		out.WriteByte(':')
		value(members[name])
	}
}
