// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package toolstest runs executors against a workspace that answers what a test wrote down.
package toolstest

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
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/registry"
)

// Workspace records what it is asked and answers what a test wrote down.
type Workspace struct {
	Statements []wire.StatementRequest
	Searches   []caller.VectorQuery
	Questions  []caller.ServingRequest

	Result *wire.StatementResult
	Found  *caller.VectorResult
	Said   *caller.ServingAnswer
	// Fail is what each call answers instead; FailOnce only the first.
	Fail, FailOnce error
	// Wait is called while a question is worked on.
	Wait func(context.Context) error
}

func (w *Workspace) failure() error {
	if err := w.FailOnce; err != nil {
		w.FailOnce = nil
		return err
	}
	return w.Fail
}

// Execute records the call.
func (w *Workspace) Execute(_ context.Context, _ wire.Secret, r wire.StatementRequest) (*wire.StatementResult, error) {
	w.Statements = append(w.Statements, r)
	if err := w.failure(); err != nil {
		return nil, err
	}
	return w.Result, nil
}

// Query records the call.
func (w *Workspace) Query(_ context.Context, _ wire.Secret, q caller.VectorQuery) (*caller.VectorResult, error) {
	w.Searches = append(w.Searches, q)
	if err := w.failure(); err != nil {
		return nil, err
	}
	return w.Found, nil
}

// Ask records the call.
func (w *Workspace) Ask(ctx context.Context, _ wire.Secret, r caller.ServingRequest) (*caller.ServingAnswer, error) {
	w.Questions = append(w.Questions, r)
	if w.Wait != nil {
		if err := w.Wait(ctx); err != nil {
			return nil, err
		}
	}
	if err := w.failure(); err != nil {
		return nil, err
	}
	return w.Said, nil
}

// Tokens is a session that always has the same token.
type Tokens struct{}

// Token returns the token.
func (Tokens) Token(context.Context, bool) (wire.Secret, error) { return "token", nil }

// Call is a call of one caller.
func Call() tools.Call {
	return tools.Call{Caller: tools.Caller{Issuer: "https://idp/", Subject: "u1", Role: "sales/west"}, RequestID: "r1", Session: Tokens{}}
}

// Parts are what executors are made with: the workspace is every client but Genie's.
func (w *Workspace) Parts() registry.Parts {
	return registry.Parts{Clients: registry.Clients{Statements: w, VectorSearch: w, Serving: w}, WarehouseID: "w1"}
}

// Define makes a tool ready to be called in the workspace.
func (w *Workspace) Define(t testing.TB, tool access.Tool) *tools.Definition {
	t.Helper()
	d, err := registry.Define(tool, w.Parts())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Call runs a tool with arguments in JSON.
func (w *Workspace) Call(t testing.TB, tool access.Tool, args string) (*tools.Output, *tools.Error) {
	t.Helper()
	out, err := w.Define(t, tool).Run(t.Context(), Call(), json.RawMessage(args))
	if err != nil {
		return nil, tools.AsError(err)
	}
	return out, nil
}

// Complete gives a tool a name and, where it has none, the schema that its type derives.
func Complete(t testing.TB, tool access.Tool, spec v1alpha1.ToolSpec, s ...access.SignatureParameter) access.Tool {
	t.Helper()
	if tool.Name == "" {
		tool.Name = "tool"
	}
	if tool.InputSchema == nil {
		kind, err := tooltype.All().Of(spec)
		if err != nil {
			t.Fatal(err)
		}
		if tool.InputSchema, err = kind.InputSchema(spec, access.Lookups{Functions: map[string]access.Signature{"": {Parameters: s}}}); err != nil {
			t.Fatal(err)
		}
	}
	return tool
}

// Refused says whether an error is what a test wants.
func Refused(t testing.TB, err *tools.Error, code tools.Code, words string) {
	t.Helper()
	if err == nil || err.Code != code || !strings.Contains(err.Message, words) {
		t.Errorf("answered %v, want %s with %q", err, code, words)
	}
}

// AsJSON is an answer as programs see it, and says whether it satisfies the output schema.
func AsJSON(t testing.TB, out *tools.Output) string {
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

// Cells is a result of text columns; "NULL" is null.
func Cells(columns string, rows ...[]string) *wire.StatementResult {
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

// Remote is what an external API answered.
func Remote(status int, text string) *wire.StatementResult {
	return Cells("status_code:INT,text", []string{fmt.Sprint(status), text})
}

// Bound are the parameters of a statement by name.
func Bound(r wire.StatementRequest) map[string]string {
	out := map[string]string{}
	for _, p := range r.Params {
		if out[p.Name] = "NULL"; p.Value != nil {
			out[p.Name] = *p.Value
		}
	}
	return out
}
