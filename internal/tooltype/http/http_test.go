// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/tooltypetest"
)

type (
	operation = v1alpha1.HTTPOperation
	route     = v1alpha1.HTTPRoute
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
			tool.InputSchema = tooltypetest.Schema(c.schema)
		}
		tooltypetest.Checks(t, name, Type{}, tool, c.want)
	}
}
