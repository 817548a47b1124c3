// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tooldef

import (
	"encoding/json"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

type (
	operation = v1alpha1.HTTPOperation
	route     = v1alpha1.HTTPRoute
	filter    = v1alpha1.VectorSearchFilter
)

func TestCheckHTTP(t *testing.T) {
	list := operation{Name: "list", Path: "/orders"}
	get := operation{Name: "get", Path: "/orders/{id}"}
	with := func(o operation, path string) operation { o.Path = path; return o }
	create := operation{Name: "create", Method: "POST", Path: "/orders", BodyArgument: "order"}
	query := func(argument v1alpha1.ArgumentName, value string) operation {
		return operation{Name: "list", Path: "/orders", Query: []v1alpha1.HTTPQueryParameter{{Name: "q", Argument: argument, Value: value}}}
	}
	const (
		id     = `{"type":"object","properties":{"id":{"type":"string","minLength":1}},"required":["id"]}`
		order  = `{"type":"object","properties":{"order":{"type":"string"}}}`
		choice = `{"type":"object","properties":{"operation":{"type":"string","enum":["list","get"]},"id":{"type":"string","minLength":1}},"required":["operation"]}`
		must   = "must have a `minLength` of at least 1, or an `enum` without '', '.' and '..'"
	)
	segment := func(p string) string {
		return `{"type":"object","properties":{"id":` + p + `},"required":["id"]}`
	}
	for name, c := range map[string]struct {
		http   v1alpha1.HTTPTool
		schema string
		want   string
	}{
		"an operation without arguments":  {v1alpha1.HTTPTool{Operations: []operation{list}}, "", ""},
		"an operation with a place":       {v1alpha1.HTTPTool{Operations: []operation{get}}, id, ""},
		"a place that is there twice":     {v1alpha1.HTTPTool{Operations: []operation{with(get, "/orders/{id}/copies/{id}")}}, id, ""},
		"a place without a schema":        {v1alpha1.HTTPTool{Operations: []operation{get}}, "", "`http.operations[0]` uses the argument id"},
		"a place without a property":      {v1alpha1.HTTPTool{Operations: []operation{get}}, order, "`http.operations[0]` uses the argument id"},
		"a place that is not required":    {v1alpha1.HTTPTool{Operations: []operation{get}}, `{"type":"object","properties":{"id":{"type":"string","minLength":1}}}`, "`inputSchema.required` must name id"},
		"a place that may be empty":       {v1alpha1.HTTPTool{Operations: []operation{get}}, segment(`{"type":"string"}`), must},
		"a place of length 0":             {v1alpha1.HTTPTool{Operations: []operation{get}}, segment(`{"type":"string","minLength":0}`), must},
		"a place with an enum":            {v1alpha1.HTTPTool{Operations: []operation{get}}, segment(`{"type":"string","enum":["a","b"]}`), ""},
		"a place with an empty choice":    {v1alpha1.HTTPTool{Operations: []operation{get}}, segment(`{"type":"string","enum":["a",""]}`), must},
		"a place with the folder above":   {v1alpha1.HTTPTool{Operations: []operation{get}}, segment(`{"type":"string","minLength":1,"enum":["a",".."]}`), must},
		"a place with the same folder":    {v1alpha1.HTTPTool{Operations: []operation{get}}, segment(`{"type":"string","enum":["."]}`), must},
		"a place with a number":           {v1alpha1.HTTPTool{Operations: []operation{get}}, segment(`{"type":"integer"}`), ""},
		"a query argument":                {v1alpha1.HTTPTool{Operations: []operation{query("order", "")}}, order, ""},
		"a fixed query parameter":         {v1alpha1.HTTPTool{Operations: []operation{query("", "open")}}, "", ""},
		"a query argument of nobody":      {v1alpha1.HTTPTool{Operations: []operation{query("id", "")}}, order, "uses the argument id"},
		"a property that nothing uses":    {v1alpha1.HTTPTool{Operations: []operation{list}}, order, "has order, which no entry of `http.operations` uses"},
		"a body":                          {v1alpha1.HTTPTool{Operations: []operation{create}}, order, ""},
		"a body of nobody":                {v1alpha1.HTTPTool{Operations: []operation{create}}, "", "uses the argument order"},
		"a body that is a number":         {v1alpha1.HTTPTool{Operations: []operation{create}}, `{"type":"object","properties":{"order":{"type":"number"}}}`, "`inputSchema.properties.order.type` must be string"},
		"a body with GET":                 {v1alpha1.HTTPTool{Operations: []operation{{Name: "list", Path: "/orders", Method: "GET", BodyArgument: "order"}}}, order, "GET has no body"},
		"a body without a method":         {v1alpha1.HTTPTool{Operations: []operation{{Name: "list", Path: "/orders", BodyArgument: "order"}}}, order, "GET has no body"},
		"two operations":                  {v1alpha1.HTTPTool{Operations: []operation{list, get}}, choice, ""},
		"two operations with one place":   {v1alpha1.HTTPTool{Operations: []operation{with(list, "/customers/{id}"), get}}, choice, "`inputSchema.required` must name id"},
		"two operations and no choice":    {v1alpha1.HTTPTool{Operations: []operation{list, get}}, id, "must require the string operation"},
		"two operations and no schema":    {v1alpha1.HTTPTool{Operations: []operation{list, list}}, "", "must require the string operation"},
		"a choice by another name":        {v1alpha1.HTTPTool{OperationArgument: "action", Operations: []operation{list, get}}, choice, "must require the string action"},
		"a choice of a name of its own":   {v1alpha1.HTTPTool{OperationArgument: "action", Operations: []operation{list, create}}, `{"type":"object","properties":{"action":{"type":"string","enum":["create","list"]},"order":{"type":"string"}},"required":["action"]}`, ""},
		"a choice that is not required":   {v1alpha1.HTTPTool{Operations: []operation{list, get}}, `{"type":"object","properties":{"operation":{"type":"string","enum":["list","get"]},"id":{"type":"string","minLength":1}}}`, "must require the string operation"},
		"a choice that is a number":       {v1alpha1.HTTPTool{Operations: []operation{list, get}}, `{"type":"object","properties":{"operation":{"type":"integer","enum":[1,2]},"id":{"type":"string","minLength":1}},"required":["operation"]}`, "must require the string operation"},
		"a choice of everything":          {v1alpha1.HTTPTool{Operations: []operation{list, get}}, `{"type":"object","properties":{"operation":{"type":"string"},"id":{"type":"string","minLength":1}},"required":["operation"]}`, "as its `enum`"},
		"a choice of too little":          {v1alpha1.HTTPTool{Operations: []operation{list, get, create}}, choice[:len(choice)-len(`},"required":["operation"]}`)] + `,"order":{"type":"string"}},"required":["operation"]}`, "as its `enum`"},
		"a choice of something else":      {v1alpha1.HTTPTool{Operations: []operation{list, {Name: "find", Path: "/orders/{id}"}}}, choice, "must name the operation find"},
		"one operation that is chosen":    {v1alpha1.HTTPTool{Operations: []operation{list}}, `{"type":"object","properties":{"operation":{"type":"string","enum":["list"]}},"required":["operation"]}`, "has operation, which no entry"},
		"routes":                          {v1alpha1.HTTPTool{Allow: []route{{Path: "/orders"}, {Method: "POST", Path: "/orders"}, {Path: "/orders/*"}}}, "", ""},
		"a route twice":                   {v1alpha1.HTTPTool{Allow: []route{{Method: "POST", Path: "/orders"}, {Method: "POST", Path: "/orders"}}}, "", "`http.allow` has POST /orders twice"},
		"a route twice with and without":  {v1alpha1.HTTPTool{Allow: []route{{Path: "/orders"}, {Method: "GET", Path: "/orders"}}}, "", "`http.allow` has GET /orders twice"},
		"a schema beside allowed routes":  {v1alpha1.HTTPTool{Allow: []route{{Path: "/orders"}}}, order, "with `operations` only"},
		"an operation with all of places": {v1alpha1.HTTPTool{Operations: []operation{with(get, "/{id}")}}, id, ""},
	} {
		tool := v1alpha1.ToolSpec{HTTP: &c.http}
		if c.schema != "" {
			tool.InputSchema = schema(c.schema)
		}
		checks(t, name, tool, c.want)
	}
}

func TestCheckVectorSearch(t *testing.T) {
	for name, c := range map[string]struct {
		filters []filter
		want    string
	}{
		"no filters":                   {nil, ""},
		"an argument and a value":      {[]filter{{Column: "region", Argument: "region"}, {Column: "public", Type: "Boolean", Value: "true"}}, ""},
		"two fixed values":             {[]filter{{Column: "a", Value: "x"}, {Column: "b", Value: "x"}}, ""},
		"a range":                      {[]filter{{Column: "year", Operator: "GreaterOrEqual", Type: "Number", Argument: "since"}, {Column: "year", Operator: "LessThan", Type: "Number", Argument: "before"}}, ""},
		"one argument for two columns": {[]filter{{Column: "a", Argument: "x"}, {Column: "b", Argument: "x"}}, "names the argument x twice"},
		"a column that is fixed and chosen": {
			[]filter{{Column: "region", Value: "WEST"}, {Column: "region", Operator: "Equal", Argument: "region"}}, "compares the column region twice with the operator Equal",
		},
		"a column that is chosen twice": {
			[]filter{{Column: "a", Operator: "NotEqual", Argument: "x"}, {Column: "a", Operator: "NotEqual", Argument: "y"}}, "compares the column a twice with the operator NotEqual",
		},
		"a number that is none":  {[]filter{{Column: "a", Value: "x"}, {Column: "year", Type: "Number", Value: "soon"}}, "`vectorSearch.filters[1].value` must be a number"},
		"a boolean that is none": {[]filter{{Column: "public", Type: "Boolean", Value: "yes"}}, "`vectorSearch.filters[0].value` must be true or false"},
		"an order of booleans":   {[]filter{{Column: "public", Type: "Boolean", Operator: "LessThan", Argument: "public"}}, "must be 'Equal' or 'NotEqual'"},
		"a boolean that is not":  {[]filter{{Column: "public", Type: "Boolean", Operator: "NotEqual", Value: "false"}}, ""},
	} {
		checks(t, name, v1alpha1.ToolSpec{VectorSearch: &v1alpha1.VectorSearchTool{Filters: c.filters}}, c.want)
	}
}

func TestFilterValue(t *testing.T) {
	for _, c := range []struct {
		kind, text string
		want       any // nil: it is refused
	}{
		{"", "WEST", "WEST"}, {"String", "true", "true"}, {"String", "5", "5"}, {"String", " ", " "},
		{"Number", "5", json.Number("5")}, {"Number", "-2.50", json.Number("-2.50")}, {"Number", "1e3", json.Number("1e3")},
		{"Number", "9007199254740993", json.Number("9007199254740993")}, // is no float
		{"Number", "", nil}, {"Number", "x", nil}, {"Number", " 5", nil}, {"Number", "5 ", nil}, {"Number", "5\n", nil}, {"Number", "0x10", nil}, {"Number", "01", nil}, {"Number", "+5", nil},
		{"Number", "1_000", nil}, {"Number", "NaN", nil}, {"Number", "Infinity", nil}, {"Number", "1e999", nil}, {"Number", "null", nil}, {"Number", "true", nil}, {"Number", `"5"`, nil}, {"Number", "[5]", nil},
		{"Boolean", "true", true}, {"Boolean", "false", false},
		{"Boolean", "", nil}, {"Boolean", "True", nil}, {"Boolean", "T", nil}, {"Boolean", "1", nil}, {"Boolean", "yes", nil},
	} {
		got, err := FilterValue(c.kind, c.text)
		if (err != nil) != (c.want == nil) || got != c.want {
			t.Errorf("%s %q: got %#v, %v, want %#v", c.kind, c.text, got, err, c.want)
		}
		if err != nil {
			continue
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("%s %q cannot be sent: %v", c.kind, c.text, err)
		}
	}
}
