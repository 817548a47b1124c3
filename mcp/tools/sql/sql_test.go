// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sql_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/toolstest"
)

func deals(t *testing.T) access.Tool {
	t.Helper()
	return toolstest.Complete(t, access.Tool{
		ReadOnly: true, Idempotent: true,
		InputSchema: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"region":{"type":"string"},"most":{"type":"integer"}}}`),
		SQL:         &access.SQLTool{Statement: "SELECT * FROM deals WHERE r = :region LIMIT :most", MaxRows: 2, Parameters: []access.Parameter{{Name: "region", Type: "STRING"}, {Name: "most", Type: "BIGINT"}}},
	}, v1alpha1.ToolSpec{})
}

func TestAStatementConforms(t *testing.T) {
	toolstest.Conforms(t, deals(t), `{"region":"WEST"}`, toolstest.Workspace{Result: toolstest.Cells("a", []string{"b"})})
}

func TestArgumentsAreBoundAndRowsCapped(t *testing.T) {
	w := &toolstest.Workspace{Result: toolstest.Cells("id:BIGINT,ok:BOOLEAN,at", []string{"9007199254740993", "true", "NULL"}, []string{"1", "false", "x"}, []string{"2", "true", "y"})}
	out, err := w.Call(t, deals(t), `{"region":"W'; --"}`)
	if err != nil {
		t.Fatal(err)
	}
	text := "W'; --"
	want := []wire.StatementRequest{{
		WarehouseID: "w1", Statement: "SELECT * FROM deals WHERE r = :region LIMIT :most", RowLimit: 2, RequestID: "r1", Repeatable: true,
		Params: []wire.Param{{Name: "region", Type: "STRING", Value: &text}, {Name: "most", Type: "BIGINT"}},
	}}
	if diff := cmp.Diff(want, w.Statements); diff != "" {
		t.Error(diff)
	}
	if got := toolstest.AsJSON(t, out); !strings.HasSuffix(got, `"rows":[{"at":null,"id":"9007199254740993","ok":true},{"at":"x","id":"1","ok":false}],"row_count":2,"truncated":true,"total_rows":3}`) {
		t.Errorf("answered %s", got)
	}
}
