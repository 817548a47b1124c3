// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package function_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/toolstest"
)

// lookup is a function with a parameter that it has a default for.
func lookup(t *testing.T, table bool) access.Tool {
	t.Helper()
	f := access.FunctionTool{Name: "main.sales.look-up", Table: table, MaxRows: 2, Parameters: []access.Parameter{{Name: "name", Type: "STRING"}, {Name: "n", Type: "BIGINT"}, {Name: "at", Type: "DECIMAL(18,2)"}}}
	return toolstest.Complete(t, access.Tool{Function: &f, ReadOnly: true, Idempotent: true}, v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{}},
		access.SignatureParameter{Name: "name", Type: "STRING"}, access.SignatureParameter{Name: "n", Type: "BIGINT", Optional: true}, access.SignatureParameter{Name: "at", Type: "DECIMAL(18,2)", Optional: true})
}

func TestAFunctionIsCalledWithBoundArguments(t *testing.T) {
	for name, c := range map[string]struct {
		table           bool
		args, statement string
		params          []wire.Param
	}{
		"a scalar":                       {false, `{"name":"o'x","n":9007199254740993,"at":"1.50"}`, "SELECT `main`.`sales`.`look-up`(`name` => :p0, `n` => :p1, `at` => :p2) AS result", []wire.Param{param("p0", "o'x", "STRING"), param("p1", "9007199254740993", "BIGINT"), param("p2", "1.50", "DECIMAL(18,2)")}},
		"an absent argument is left out": {false, `{"name":"","at":"1"}`, "SELECT `main`.`sales`.`look-up`(`name` => :p0, `at` => :p1) AS result", []wire.Param{param("p0", "", "STRING"), param("p1", "1", "DECIMAL(18,2)")}},
		"a table":                        {true, `{"name":"x"}`, "SELECT * FROM `main`.`sales`.`look-up`(`name` => :p0)", []wire.Param{param("p0", "x", "STRING")}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &toolstest.Workspace{Result: toolstest.Cells("result", []string{"a"})}
			if _, err := w.Call(t, lookup(t, c.table), c.args); err != nil {
				t.Fatal(err)
			}
			limit := int64(1)
			if c.table {
				limit = 2
			}
			want := []wire.StatementRequest{{WarehouseID: "w1", Statement: c.statement, Params: c.params, RowLimit: limit, RequestID: "r1", Repeatable: true}}
			if diff := cmp.Diff(want, w.Statements); diff != "" {
				t.Error(diff)
			}
		})
	}
	w := &toolstest.Workspace{Result: toolstest.Cells("result", []string{"a"})}
	none := toolstest.Complete(t, access.Tool{Function: &access.FunctionTool{Name: "a.b.c", MaxRows: 1}}, v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{}})
	if _, err := w.Call(t, none, "{}"); err != nil || w.Statements[0].Statement != "SELECT `a`.`b`.`c`() AS result" || w.Statements[0].Repeatable {
		t.Errorf("ran %+v, %v", w.Statements, err)
	}
}

func param(name, value, kind string) wire.Param {
	return wire.Param{Name: name, Value: &value, Type: kind}
}

func TestWhatAFunctionAnswers(t *testing.T) {
	w := &toolstest.Workspace{Result: toolstest.Cells("a,n:INT,big:BIGINT", []string{"x\u202Ey", "7", "9007199254740993"}, []string{"NULL", "NULL", "NULL"}, []string{"more", "1", "1"})}
	out, err := w.Call(t, lookup(t, true), `{"name":"x"}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := toolstest.AsJSON(t, out); !strings.HasSuffix(got, `"rows":[{"a":"xy","big":"9007199254740993","n":7},{"a":null,"big":null,"n":null}],"row_count":2,"truncated":true,"total_rows":3}`) {
		t.Errorf("answered %s", got)
	}
	w = &toolstest.Workspace{Result: toolstest.Cells("result:BOOLEAN", []string{"true"})}
	if out, err := w.Call(t, lookup(t, false), `{"name":"x"}`); err != nil || out.Rows[0]["result"] != true {
		t.Errorf("answered %+v, %v", out, err)
	}
}

func TestAFunctionThatCannotBeWrittenIntoAStatementIsNotRun(t *testing.T) {
	for name, f := range map[string]access.FunctionTool{
		"a name with a backquote":      {Name: "a.b.c`()"},
		"a name in two parts":          {Name: "a.b"},
		"a name in four parts":         {Name: "a.b.c.d"},
		"a parameter with a backquote": {Name: "a.b.c", Parameters: []access.Parameter{{Name: "a`", Type: "STRING"}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &toolstest.Workspace{Result: toolstest.Cells("result", []string{"a"})}
			_, err := w.Call(t, toolstest.Complete(t, access.Tool{Function: &f}, v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{}}), `{}`)
			if toolstest.Refused(t, err, tools.CodeInternal, "the platform team must look at it"); len(w.Statements) != 0 {
				t.Error("ran all the same")
			}
		})
	}
}

func TestArgumentsOfAFunctionFitItsSignature(t *testing.T) {
	w := &toolstest.Workspace{}
	for args, words := range map[string]string{
		`{}`:                       "`name` is required",
		`{"name":null}`:            "`name` must not be null",
		`{"name":"x","n":1.5}`:     "`n` must be an integer",
		`{"name":"x","at":1.5}`:    "`at` must be a string",
		`{"name":"x","at":"1;"}`:   "`at` must match the pattern",
		`{"name":["x"]}`:           "`name` must be a string",
		`{"name":"x","other":1}`:   "`other` is not an argument",
		"{\"name\":\"x\\u0000\"}":  "`name` must be text without NUL",
		`{"name":"x","n":1e99999}`: "`n` must be an integer",
		`{"name":"x","n":{"a":1}}`: "`n` must be an integer",
		`["x"]`:                    "`arguments` must be a JSON object",
	} {
		_, err := w.Call(t, lookup(t, false), args)
		toolstest.Refused(t, err, tools.CodeInvalidArgument, words)
	}
}

func TestAFunctionConforms(t *testing.T) {
	toolstest.Conforms(t, lookup(t, false), `{"name":"x"}`, toolstest.Workspace{Result: toolstest.Cells("result", []string{"a"})})
}
