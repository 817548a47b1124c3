// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// Definition is a tool made ready to be called: its schema is resolved and its
// executor chosen. It is immutable and safe for concurrent use.
type Definition struct {
	access.Tool
	properties map[string]*jsonschema.Schema
	required   []string
	resolved   *jsonschema.Resolved
	executor   Executor
}

// Define prepares a tool of the access document, which the executor runs. It fails when the
// schema cannot be used.
func Define(t access.Tool, e Executor) (*Definition, error) {
	if e == nil {
		return nil, fmt.Errorf("tool %s: an executor is required", t.Name)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(t.InputSchema, &schema); err != nil {
		return nil, fmt.Errorf("tool %s: the input schema is not a JSON Schema", t.Name)
	}
	if schema.Type != "object" {
		return nil, fmt.Errorf("tool %s: the input schema must have type object", t.Name)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		return nil, fmt.Errorf("tool %s: the input schema cannot be resolved: %w", t.Name, err)
	}
	return &Definition{Tool: t, properties: schema.Properties, required: schema.Required, resolved: resolved, executor: e}, nil
}

// Timeout returns how long a call of the tool may take, standard being what most tools have.
func (d *Definition) Timeout(standard time.Duration) time.Duration {
	return d.executor.Timeout(standard)
}

// A Gate may refuse a call whose arguments fit the tool's input schema.
type Gate func(args Arguments) error

// Run checks the arguments, asks the gates in their order, and runs the tool as the caller.
func (d *Definition) Run(ctx context.Context, c Call, raw json.RawMessage, gates ...Gate) (*Output, error) {
	args, err := d.Check(raw)
	if err != nil {
		return nil, err
	}
	for _, allows := range gates {
		if err := allows(args); err != nil {
			return nil, err
		}
	}
	c.Repeatable = d.ReadOnly && d.Idempotent
	return d.executor.Run(ctx, c, args)
}

// Check decodes the arguments and holds them against the input schema. Its
// errors name the argument and what is allowed, and never the value.
func (d *Definition) Check(raw json.RawMessage) (Arguments, error) {
	args := Arguments{}
	if len(raw) > 0 && string(raw) != "null" {
		if err := decodeNumbers(raw, (*map[string]any)(&args)); err != nil {
			return nil, Errorf(CodeInvalidArgument, "`arguments` must be a JSON object")
		}
	}
	for name := range args {
		if _, known := d.properties[name]; !known {
			return nil, Errorf(CodeInvalidArgument, "`%s` is not an argument of %s; it takes %s", printable(name), d.Name, d.argumentNames())
		}
	}
	for _, name := range d.required {
		if _, ok := args[name]; !ok {
			return nil, Errorf(CodeInvalidArgument, "`%s` is required", name)
		}
	}
	names := make([]string, 0, len(args))
	for name := range args {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if problem := mismatch(d.properties[name], args[name]); problem != "" {
			return nil, Errorf(CodeInvalidArgument, "`%s` %s", name, problem)
		}
	}
	// The schema as a whole has the last word: it may hold keywords that the checks above do not name.
	if err := d.resolved.Validate(plain(args)); err != nil {
		return nil, Errorf(CodeInvalidArgument, "the arguments do not fit the input schema of %s", d.Name)
	}
	return args, nil
}

func (d *Definition) argumentNames() string {
	if len(d.properties) == 0 {
		return "no arguments"
	}
	names := make([]string, 0, len(d.properties))
	for name := range d.properties {
		names = append(names, "`"+name+"`")
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// printable shortens a name that a caller made up, so that an error cannot be used to carry anything.
func printable(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x21 || r > 0x7e || r == '`' {
			return -1
		}
		return r
	}, s)
	if len(clean) > 40 {
		clean = clean[:40] + "..."
	}
	return clean
}
