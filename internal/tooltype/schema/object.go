// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"fmt"
)

// Property is a property of an input schema. Its members are written in the order of their names.
type Property map[string]any

// Object returns the schema of an object with exactly these properties. It fails when the
// schema is larger than a pod holds.
func Object(required []string, properties map[string]Property) (json.RawMessage, error) {
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	raw, err := json.Marshal(out)
	if err == nil && len(raw) > MaxBytes {
		err = fmt.Errorf("the input schema must be at most %d bytes of JSON: fewer or shorter parameters and comments make it smaller", MaxBytes)
	}
	return raw, err
}

// Empty returns the schema of no arguments.
func Empty() (json.RawMessage, error) { return Object(nil, map[string]Property{}) }
