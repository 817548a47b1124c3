// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package vectorsearch runs tools that search an index by meaning.
package vectorsearch

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// vectorResults is how many results are asked for when the caller does not say.
const vectorResults = 10

// scoreColumn is the column that Databricks appends: how near a row is.
const scoreColumn = "score"

// Client searches indexes as the owner of a token.
type Client interface {
	Query(ctx context.Context, token wire.Secret, q caller.VectorQuery) (*caller.VectorResult, error)
}

// Options are what an Executor is made of.
type Options struct {
	Tool access.VectorSearchTool
	// Client is required.
	Client Client
}

// Executor searches an index. What always filters is the tool's, and no
// argument changes it.
type Executor struct {
	tools.StandardTimeout
	client Client
	tool   access.VectorSearchTool
}

// New makes an Executor.
func New(o Options) (*Executor, error) {
	if o.Client == nil {
		return nil, errors.New("a client for vector search is required")
	}
	return &Executor{client: o.Client, tool: o.Tool}, nil
}

// Run searches the index as the caller.
func (e *Executor) Run(ctx context.Context, c tools.Call, args tools.Arguments) (*tools.Output, error) {
	text, _ := args.Text("query")
	q := caller.VectorQuery{Index: e.tool.Index, Text: text, Type: e.tool.QueryType, RequestID: c.RequestID}
	var err error
	if q.Columns, err = e.columns(args); err != nil {
		return nil, err
	}
	if q.Results, err = e.results(args); err != nil {
		return nil, err
	}
	if q.Filters, err = e.filters(args); err != nil {
		return nil, err
	}
	result, err := tools.AsRole(ctx, c, func(token wire.Secret) (*caller.VectorResult, error) {
		r, err := e.client.Query(ctx, token, q)
		if err != nil {
			return nil, tools.UpstreamError(ctx, err, "the search of this tool")
		}
		return r, nil
	})
	if err != nil {
		return nil, err
	}
	return ranked(result, q.Columns, q.Results), nil
}

// columns are those that the caller chose, or all of the tool's.
func (e *Executor) columns(args tools.Arguments) ([]string, error) {
	chosen, ok := args["columns"].([]any)
	if !ok {
		return e.tool.Columns, nil
	}
	var out []string
	for _, c := range chosen {
		name, _ := c.(string)
		if !slices.Contains(e.tool.Columns, name) {
			return nil, tools.Errorf(tools.CodeInvalidArgument, "`columns` must hold some of %s", strings.Join(e.tool.Columns, ", "))
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, tools.Errorf(tools.CodeInvalidArgument, "`columns` must have at least 1 entries")
	}
	return out, nil
}

func (e *Executor) results(args tools.Arguments) (int, error) {
	most := max(int(e.tool.MaxResults), 1)
	asked, ok := args["num_results"].(json.Number)
	if !ok {
		return min(vectorResults, most), nil
	}
	n, ok := tools.Rational(asked)
	if !ok || !n.IsInt() || !n.Num().IsInt64() || n.Num().Int64() < 1 || n.Num().Int64() > int64(most) {
		return 0, tools.Errorf(tools.CodeInvalidArgument, "`num_results` must be from 1 to %d", most)
	}
	return int(n.Num().Int64()), nil
}

var (
	columnPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	// filterSuffixes are how the API writes the operators behind a column's name.
	filterSuffixes = map[string]string{
		"": "", "Equal": "", "NotEqual": " NOT", "LessThan": " <", "LessOrEqual": " <=", "GreaterThan": " >", "GreaterOrEqual": " >=",
	}
)

// condition is a filter with its value.
type condition struct {
	key      string
	value    any
	argument string // empty when the value is fixed
}

// filters is the JSON of all filters, which must all hold, or empty. An object has
// each key once, so that two filters with the same key become one that says what both
// say, or are refused: none is ever lost.
func (e *Executor) filters(args tools.Arguments) (string, error) {
	conditions := map[string]condition{} // by key, without case: columns have none
	for _, f := range e.tool.Filters {
		c, err := conditionOf(f, args)
		if err != nil {
			return "", err
		}
		if c == nil {
			continue
		}
		folded := strings.ToLower(c.key)
		if other, twice := conditions[folded]; twice {
			if *c, err = both(other, *c); err != nil {
				return "", err
			}
		}
		conditions[folded] = *c
	}
	if len(conditions) == 0 {
		return "", nil
	}
	object := make(map[string]any, len(conditions))
	for _, c := range conditions {
		object[c.key] = c.value
	}
	raw, err := json.Marshal(object)
	return string(raw), err
}

// conditionOf is a filter with its value, or nil when it is one by an argument that is absent.
func conditionOf(f access.Filter, args tools.Arguments) (*condition, error) {
	suffix, known := filterSuffixes[f.Operator]
	if !known || !columnPattern.MatchString(f.Column) {
		return nil, tools.BadTool("a filter whose column or operator cannot be used")
	}
	c := &condition{key: f.Column + suffix, argument: f.Argument}
	if f.Argument == "" {
		var err error
		if c.value, err = f.FixedValue(); err != nil {
			return nil, tools.BadTool("a filter whose value is not of its type")
		}
		return c, nil
	}
	v, ok := args[f.Argument]
	if !ok {
		return nil, nil //nolint:nilnil // absent is no condition
	}
	switch v.(type) {
	case json.Number:
		ok = f.Type == "Number"
	case bool:
		ok = f.Type == "Boolean"
	case string:
		ok = f.Type == "String" || f.Type == ""
	default:
		ok = false
	}
	if !ok {
		return nil, tools.Errorf(tools.CodeInvalidArgument, "`%s` must be a %s", f.Argument, strings.ToLower(f.Type))
	}
	c.value = v
	return c, nil
}

// both is one condition that holds exactly when two with the same key do: of two bounds
// the narrower one. Two values that a column shall both be equal to cannot be written.
func both(a, b condition) (condition, error) {
	if b.argument == "" {
		a, b = b, a // so that a is the fixed one, if one is
	}
	x, isNumber := a.value.(json.Number)
	y, isNumberToo := b.value.(json.Number)
	if isNumber && isNumberToo {
		r, ok := tools.Rational(x)
		s, okToo := tools.Rational(y)
		if ok && okToo {
			_, operator, _ := strings.Cut(a.key, " ")
			order := r.Cmp(s)
			switch {
			case order == 0, strings.HasPrefix(operator, "<") && order < 0, strings.HasPrefix(operator, ">") && order > 0:
				return a, nil
			case strings.HasPrefix(operator, "<"), strings.HasPrefix(operator, ">"):
				return b, nil
			}
		}
	} else if a.value == b.value {
		return a, nil
	}
	if b.argument == "" {
		return condition{}, tools.BadTool("two fixed filters that cannot both hold")
	}
	return condition{}, tools.Errorf(tools.CodeInvalidArgument, "`%s` cannot be used: another filter compares the same column with another value", b.argument)
}

// ranked shapes a result as rows by name, in their order. Only the columns asked for
// are handed on, and the score, as it came.
func ranked(r *caller.VectorResult, columns []string, most int) *tools.Output {
	out := &tools.Output{Rows: make([]map[string]any, 0, len(r.Rows))}
	keep := make([]bool, len(r.Columns))
	for i, c := range r.Columns {
		last := i == len(r.Columns)-1
		if keep[i] = slices.Contains(columns, c.Name) || last && c.Name == scoreColumn; keep[i] {
			kind := strings.ToUpper(tools.Clean(c.Type, 64))
			if kind == "" && c.Name == scoreColumn {
				kind = "DOUBLE"
			}
			out.Columns = append(out.Columns, tools.Column{Name: c.Name, Type: kind})
		}
	}
	for _, row := range r.Rows {
		named := make(map[string]any, len(out.Columns))
		for i, v := range row {
			switch {
			case i >= len(keep) || !keep[i]:
			case r.Columns[i].Name == scoreColumn:
				named[scoreColumn] = score(v)
			default:
				named[r.Columns[i].Name] = tools.CleanValue(v, tools.MaxForeignText)
			}
		}
		out.Rows = append(out.Rows, named)
	}
	if n := min(tools.Fitting(out.Rows, tools.MaxForeignRows), most); n < len(out.Rows) {
		out.Rows, out.Truncated = out.Rows[:n], true
	}
	count := len(out.Rows)
	out.RowCount = &count
	return out
}

// score keeps a number as it came.
func score(v any) any {
	if n, ok := v.(json.Number); ok {
		return n
	}
	return tools.CleanValue(v, tools.MaxForeignText)
}
