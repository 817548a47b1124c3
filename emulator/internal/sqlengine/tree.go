// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
)

// parse returns the tree of the one query in a text.
func (e *Engine) parse(ctx context.Context, text string) (node, error) {
	var raw string
	if err := e.db.QueryRowContext(ctx, "SELECT json_serialize_sql($1::VARCHAR)::VARCHAR", text).Scan(&raw); err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	tree, err := decodeTree([]byte(raw))
	if err != nil {
		return nil, err
	}
	if failed, _ := tree["error"].(bool); failed {
		return nil, syntaxError("the statement cannot be parsed")
	}
	statements, _ := tree["statements"].([]any)
	if len(statements) != 1 {
		return nil, syntaxError("only one statement may be sent")
	}
	statement, _ := statements[0].(node)
	out, ok := statement["node"].(node)
	if !ok {
		return nil, syntaxError("the statement cannot be parsed")
	}
	return out, nil
}

// unparse is the opposite of parse.
func (e *Engine) unparse(ctx context.Context, tree node) (string, error) {
	raw, err := json.Marshal(node{"error": false, "statements": []any{node{"node": tree, "named_param_map": []any{}}}})
	if err != nil {
		return "", fmt.Errorf("encode a syntax tree: %w", err)
	}
	var text string
	if err := e.db.QueryRowContext(ctx, "SELECT json_deserialize_sql($1::JSON)", string(raw)).Scan(&text); err != nil {
		return "", fmt.Errorf("write a syntax tree: %w", err)
	}
	return text, nil
}

// decodeTree reads a tree without rounding its numbers.
func decodeTree(raw []byte) (node, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var out node
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("decode a syntax tree: %w", err)
	}
	return out, nil
}
