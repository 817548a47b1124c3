// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package vectorsearch is the type of tool that searches an index by meaning.
package vectorsearch

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/schema"
)

// Type is the vectorSearch type.
type Type struct{}

var _ access.ToolType = Type{}

// Name returns the name of the type.
func (Type) Name() string { return "vectorSearch" }

// Is says whether a spec is of the type.
func (Type) Is(t v1alpha1.ToolSpec) bool { return t.VectorSearch != nil }

// Check refuses an input schema, and filters that contradict each other or themselves.
func (Type) Check(t v1alpha1.ToolSpec) error {
	if err := schema.None(t); err != nil {
		return err
	}
	return checkFilters(*t.VectorSearch)
}

// Needs returns what searching the index needs. No statement is run for it.
func (Type) Needs(t v1alpha1.ToolSpec, _ string) (n access.ToolNeeds) {
	n.Scope(access.ScopeVectorSearch)
	n.Index(t.VectorSearch.Index)
	return n
}

// mostResults is how many results a call may ask for.
func mostResults(t v1alpha1.VectorSearchTool) int32 { return cmp.Or(max(t.MaxResults, 0), 10) }

// InputSchema returns the schema of a query, with the arguments that the filters name.
func (Type) InputSchema(spec v1alpha1.ToolSpec, _ access.Lookups) (json.RawMessage, error) {
	t := *spec.VectorSearch
	properties := map[string]schema.Property{
		"query":       {"type": "string", "minLength": 1, "maxLength": 4000, "description": "What to look for, in natural language."},
		"num_results": {"type": "integer", "minimum": 1, "maximum": mostResults(t), "description": "How many results to return at most."},
		"columns": {
			"type": "array", "minItems": 1, "maxItems": len(t.Columns), "uniqueItems": true,
			"items": schema.Property{"type": "string", "enum": t.Columns}, "description": "Which columns to return. Default all.",
		},
	}
	for _, f := range t.Filters {
		if f.Argument == "" {
			continue
		}
		p := schema.Property{"type": "string", "minLength": 1, "maxLength": 1024}
		switch f.Type {
		case "Number":
			p = schema.Property{"type": "number"}
		case "Boolean":
			p = schema.Property{"type": "boolean"}
		}
		p["description"] = fmt.Sprintf("Only what has a %s %s this.", f.Column, operatorWords[f.Operator])
		properties[string(f.Argument)] = p
	}
	return schema.Object([]string{"query"}, properties)
}

var operatorWords = map[v1alpha1.VectorSearchOperator]string{
	"": "equal to", "Equal": "equal to", "NotEqual": "other than", "LessThan": "below", "LessOrEqual": "of at most", "GreaterThan": "above", "GreaterOrEqual": "of at least",
}

// Compile takes over the index, its columns and the filters.
func (Type) Compile(t v1alpha1.ToolSpec, _ access.Lookups, into *access.Tool) {
	v := t.VectorSearch
	out := &access.VectorSearchTool{Index: string(v.Index), QueryType: cmp.Or(string(v.QueryType), "ANN"), MaxResults: mostResults(*v)}
	for _, c := range v.Columns {
		out.Columns = append(out.Columns, string(c))
	}
	for _, f := range v.Filters {
		out.Filters = append(out.Filters, access.Filter{
			Column: string(f.Column), Operator: cmp.Or(string(f.Operator), "Equal"), Type: cmp.Or(string(f.Type), "String"), Argument: string(f.Argument), Value: f.Value,
		})
	}
	into.VectorSearch = out
}

// checkFilters wants each argument and each comparison once, and values of their type.
func checkFilters(t v1alpha1.VectorSearchTool) error {
	type comparison struct {
		column   v1alpha1.ColumnName
		operator v1alpha1.VectorSearchOperator
	}
	arguments, compared := map[v1alpha1.ArgumentName]bool{}, map[comparison]bool{}
	for i, f := range t.Filters {
		operator := f.Operator
		if operator == "" {
			operator = "Equal"
		}
		if f.Argument != "" && arguments[f.Argument] {
			return fmt.Errorf("`vectorSearch.filters` names the argument %s twice", f.Argument)
		}
		if compared[comparison{f.Column, operator}] {
			return fmt.Errorf("`vectorSearch.filters` compares the column %s twice with the operator %s", f.Column, operator)
		}
		if f.Type == "Boolean" && operator != "Equal" && operator != "NotEqual" {
			return fmt.Errorf("`vectorSearch.filters[%d].operator` must be 'Equal' or 'NotEqual' where `type` is 'Boolean'", i)
		}
		arguments[f.Argument], compared[comparison{f.Column, operator}] = true, true
		if f.Value == "" {
			continue
		}
		if _, err := (access.Filter{Type: string(f.Type), Value: f.Value}).FixedValue(); err != nil {
			return fmt.Errorf("`vectorSearch.filters[%d].value` %w", i, err)
		}
	}
	return nil
}
