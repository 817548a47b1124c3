// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/tooldef"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// workspace notes what it is asked and answers what a test wrote down.
type workspace struct {
	statements []wire.StatementRequest
	searches   []caller.VectorQuery
	questions  []caller.ServingRequest

	result *wire.StatementResult
	found  *caller.VectorResult
	said   *caller.ServingAnswer
	// fail is what each call answers instead; failOnce only the first.
	fail, failOnce error
	// wait is called while a question is worked on.
	wait func(context.Context) error
}

func (w *workspace) failure() error {
	if err := w.failOnce; err != nil {
		w.failOnce = nil
		return err
	}
	return w.fail
}

func (w *workspace) Execute(_ context.Context, _ wire.Secret, r wire.StatementRequest) (*wire.StatementResult, error) {
	w.statements = append(w.statements, r)
	if err := w.failure(); err != nil {
		return nil, err
	}
	return w.result, nil
}

func (w *workspace) Query(_ context.Context, _ wire.Secret, q caller.VectorQuery) (*caller.VectorResult, error) {
	w.searches = append(w.searches, q)
	if err := w.failure(); err != nil {
		return nil, err
	}
	return w.found, nil
}

func (w *workspace) Ask(ctx context.Context, _ wire.Secret, r caller.ServingRequest) (*caller.ServingAnswer, error) {
	w.questions = append(w.questions, r)
	if w.wait != nil {
		if err := w.wait(ctx); err != nil {
			return nil, err
		}
	}
	if err := w.failure(); err != nil {
		return nil, err
	}
	return w.said, nil
}

func (w *workspace) context(ctx context.Context) tools.Context {
	return tools.Context{
		Context: ctx, Caller: tools.Caller{Issuer: "https://idp/", Subject: "u1", Role: "sales/west"}, RequestID: "r1", WarehouseID: "w1",
		Session: tokens{}, Statements: w, VectorSearch: w, Serving: w,
	}
}

// call runs a tool with arguments in JSON.
func (w *workspace) call(t *testing.T, d *tools.Definition, args string) (*tools.Output, *tools.Error) {
	t.Helper()
	out, err := d.Run(w.context(t.Context()), json.RawMessage(args))
	if err != nil {
		return nil, tools.AsError(err)
	}
	return out, nil
}

// define prepares a tool; without a schema of its own it has the one that its type derives.
func define(t *testing.T, tool access.Tool, spec v1alpha1.ToolSpec, s ...tooldef.SignatureParameter) *tools.Definition {
	t.Helper()
	if tool.Name == "" {
		tool.Name = "tool"
	}
	if tool.InputSchema == nil {
		var err error
		if tool.InputSchema, err = tooldef.InputSchema(spec, tooldef.Signature{Parameters: s}); err != nil {
			t.Fatal(err)
		}
	}
	d, err := tools.Define(tool)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// refused says whether an error is what a test wants.
func refused(t *testing.T, err *tools.Error, code tools.Code, words string) {
	t.Helper()
	if err == nil || err.Code != code || !strings.Contains(err.Message, words) {
		t.Errorf("answered %v, want %s with %q", err, code, words)
	}
}

// asJSON is an answer as programs see it, and says whether it satisfies the output schema.
func asJSON(t *testing.T, out *tools.Output) string {
	t.Helper()
	raw, err := json.Marshal(tools.Success("r1", out))
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(tools.OutputSchema, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if err := resolved.Validate(v); err != nil {
		t.Errorf("the answer does not satisfy the output schema: %v", err)
	}
	return string(raw)
}

// cells is a result of text columns; "NULL" is null.
func cells(columns string, rows ...[]string) *wire.StatementResult {
	out := &wire.StatementResult{TotalRows: int64(len(rows))}
	for c := range strings.SplitSeq(columns, ",") {
		name, kind, ok := strings.Cut(c, ":")
		if !ok {
			kind = "STRING"
		}
		out.Columns = append(out.Columns, wire.ResultColumn{Name: name, Type: kind})
	}
	for _, row := range rows {
		var line []*string
		for _, c := range row {
			if c == "NULL" {
				line = append(line, nil)
				continue
			}
			line = append(line, &c)
		}
		out.Rows = append(out.Rows, line)
	}
	return out
}

// answered by an external API.
func remote(status int, text string) *wire.StatementResult {
	return cells("status_code:INT,text", []string{fmt.Sprint(status), text})
}

// bound are the parameters of a statement by name.
func bound(r wire.StatementRequest) map[string]string {
	out := map[string]string{}
	for _, p := range r.Params {
		if out[p.Name] = "NULL"; p.Value != nil {
			out[p.Name] = *p.Value
		}
	}
	return out
}
