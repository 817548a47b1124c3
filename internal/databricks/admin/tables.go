// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
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

// changeOf is a change as Unity Catalog writes it: in milliseconds.
func changeOf(by string, at int64) Change {
	if at <= 0 {
		return Change{}
	}
	return Change{By: wire.Tidy(by, 256), At: time.UnixMilli(at).UTC()}
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

// policyFunction is a function with its arguments, or with names of columns where an
// older service gives no arguments.
func policyFunction(function string, arguments []catalog.PolicyFunctionArgument, columns []string) *PolicyFunction {
	if function == "" {
		return nil
	}
	out := &PolicyFunction{Function: strings.ToLower(function)}
	for _, a := range arguments {
		if a.Constant != "" || slices.Contains(a.ForceSendFields, "Constant") || a.Column == "" {
			a.Column = "?"
		}
		out.Columns = append(out.Columns, strings.ToLower(a.Column))
	}
	if len(arguments) == 0 {
		for _, c := range columns {
			out.Columns = append(out.Columns, strings.ToLower(c))
		}
	}
	return out
}

// Table returns a table by its full name, or nil when there is none that the operator may see.
func (c *Client) Table(ctx context.Context, name string) (*Table, error) {
	if _, err := wire.SecurableName(name); err != nil {
		return nil, err
	}
	t, err := c.workspace.tables.Get(ctx, catalog.GetTableRequest{FullName: name})
	return found(t, err, tableOf, func(t Table) bool {
		return strings.EqualFold(t.FullName, name) && len(t.Columns) > 0 // without its columns a table would read as one without masks
	})
}

func tableOf(in catalog.TableInfo) Table {
	t := Table{
		FullName: in.FullName, Owner: in.Owner, View: in.TableType == catalog.TableTypeView || in.TableType == catalog.TableTypeMetricView,
		Changed: changeOf(in.UpdatedBy, in.UpdatedAt),
	}
	if f := in.RowFilter; f != nil {
		t.RowFilter = policyFunction(f.FunctionName, f.InputArguments, f.InputColumnNames)
	}
	for _, col := range in.Columns {
		out := Column{Name: strings.ToLower(col.Name), Type: strings.ToUpper(col.TypeText)}
		if m := col.Mask; m != nil {
			out.Mask = policyFunction(m.FunctionName, m.UsingArguments, m.UsingColumnNames)
		}
		t.Columns = append(t.Columns, out)
	}
	return t
}
