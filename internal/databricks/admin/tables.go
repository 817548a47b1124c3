// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Table is what Unity Catalog says of a table or view.
type Table struct {
	FullName, Owner string
	// View says that it is none of the kinds that can have a row filter and masks.
	View    bool
	Columns []Column
	// RowFilter is nil where there is none.
	RowFilter *PolicyFunction
	Changed   Change
}

// Change says who changed something last, and when, where Databricks tells.
type Change struct {
	By string
	At time.Time
}

// changeBody is a change as Unity Catalog writes it: in milliseconds.
type changeBody struct {
	By string `json:"updated_by"`
	At int64  `json:"updated_at"`
}

func (b changeBody) change() Change {
	if b.At <= 0 {
		return Change{}
	}
	return Change{By: wire.Tidy(b.By, 256), At: time.UnixMilli(b.At).UTC()}
}

// Column is a column of a table.
type Column struct {
	// Name is in lower case: Unity Catalog compares without regard to it.
	Name string
	// Type is the SQL type in upper case, such as BIGINT or DECIMAL(18,2).
	Type string
	// Mask is nil where there is none.
	Mask *PolicyFunction
}

// PolicyFunction is a function that filters rows or masks a column.
type PolicyFunction struct {
	// Function is the full name.
	Function string
	// Columns are the columns that it is given, of a mask without its own. A constant is "?".
	Columns []string
}

type policyFunctionBody struct {
	Function  string     `json:"function_name"`
	Input     []string   `json:"input_column_names"`
	Using     []string   `json:"using_column_names"`
	Arguments []argument `json:"input_arguments"`
	Others    []argument `json:"using_arguments"`
}

type argument struct {
	Column   string  `json:"column"`
	Constant *string `json:"constant"`
}

func (b *policyFunctionBody) policy() *PolicyFunction {
	if b == nil || b.Function == "" {
		return nil
	}
	out := &PolicyFunction{Function: strings.ToLower(b.Function)}
	arguments := slices.Concat(b.Arguments, b.Others)
	for _, a := range arguments {
		if a.Constant != nil || a.Column == "" {
			a.Column = "?"
		}
		out.Columns = append(out.Columns, strings.ToLower(a.Column))
	}
	if len(arguments) == 0 {
		for _, c := range slices.Concat(b.Input, b.Using) {
			out.Columns = append(out.Columns, strings.ToLower(c))
		}
	}
	return out
}

// Table returns a table by its full name, or nil when there is none that the operator may see.
func (c *Client) Table(ctx context.Context, name string) (*Table, error) {
	n, err := wire.SecurableName(name)
	if err != nil {
		return nil, err
	}
	var out struct {
		FullName string              `json:"full_name"`
		Owner    string              `json:"owner"`
		Type     string              `json:"table_type"`
		Filter   *policyFunctionBody `json:"row_filter"`
		Columns  []struct {
			Name string              `json:"name"`
			Type string              `json:"type_text"`
			Mask *policyFunctionBody `json:"mask"`
		} `json:"columns"`
		changeBody
	}
	if err := c.workspace.do(ctx, http.MethodGet, "/api/2.1/unity-catalog/tables/"+string(n), nil, nil, &out); err != nil {
		if isMissing(err) {
			return nil, nil //nolint:nilnil // none is not an error
		}
		return nil, err
	}
	if !strings.EqualFold(out.FullName, name) || len(out.Columns) == 0 {
		// Without its columns a table would read as one without masks.
		return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	t := &Table{FullName: out.FullName, Owner: out.Owner, View: out.Type == "VIEW" || out.Type == "METRIC_VIEW", RowFilter: out.Filter.policy(), Changed: out.change()}
	for _, col := range out.Columns {
		t.Columns = append(t.Columns, Column{Name: strings.ToLower(col.Name), Type: strings.ToUpper(col.Type), Mask: col.Mask.policy()})
	}
	return t, nil
}
