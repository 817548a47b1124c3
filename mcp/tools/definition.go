// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

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
	covered    bool // by the checks of Check
	executor   executor
}

// Define prepares a tool of the access document. It fails when the schema
// cannot be used or the type is not known.
func Define(t access.Tool) (*Definition, error) {
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
	d := &Definition{Tool: t, properties: schema.Properties, required: schema.Required, resolved: resolved, covered: covered(&schema)}
	types := executors(t)
	if len(types) != 1 {
		return nil, fmt.Errorf("tool %s: exactly one type must be set", t.Name)
	}
	d.executor = types[0]
	return d, nil
}

// Run checks the arguments and runs the tool as the caller of ctx.
func (d *Definition) Run(ctx Context, raw json.RawMessage) (*Output, error) {
	args, err := d.Check(raw)
	if err != nil {
		return nil, err
	}
	if missing := d.missing(ctx); missing != "" {
		return nil, Errorf(CodeInternal, "the server cannot run %s as it is set up; quote the request id when you report it", d.Name).
			Because(fmt.Errorf("run the tool %s: its context has no %s", d.Name, missing))
	}
	if ctx.Permit != nil {
		if err := ctx.Permit(args); err != nil {
			return nil, err
		}
	}
	if ctx.Admit != nil {
		if err := ctx.Admit(); err != nil {
			return nil, err
		}
	}
	ctx.repeatable = d.ReadOnly && d.Idempotent
	return d.executor.run(ctx, args)
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
	if d.covered && plainNumbers(args) {
		return args, nil
	}
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
