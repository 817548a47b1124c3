// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tooldef

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func checkVectorSearch(t v1alpha1.VectorSearchTool) error {
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
		if _, err := FilterValue(string(f.Type), f.Value); err != nil {
			return fmt.Errorf("`vectorSearch.filters[%d].value` %w", i, err)
		}
	}
	return nil
}

// FilterValue types the text of a filter's value: String (or empty), Number or Boolean.
func FilterValue(kind, text string) (any, error) {
	switch v1alpha1.FilterValueType(kind) {
	case "Number":
		if n := json.Number(text); json.Valid([]byte(text)) && isNumber(n) {
			return n, nil
		}
		return nil, errors.New("must be a number")
	case "Boolean":
		if text != "true" && text != "false" {
			return nil, errors.New("must be true or false")
		}
		return text == "true", nil
	}
	return text, nil
}

func isNumber(n json.Number) bool {
	_, err := n.Float64()
	return err == nil
}

var placePattern = regexp.MustCompile(`[{]([a-z][a-z0-9_]*)[}]`)

// checkHTTP holds the arguments that operations use against those of the schema.
func checkHTTP(t v1alpha1.HTTPTool, schema *jsonschema.Schema) error {
	if err := checkRoutes(t.Allow); err != nil {
		return err
	}
	used, inPaths := map[string]bool{}, map[string]int{}
	for i, o := range t.Operations {
		places := placesOf(o.Path)
		names := slices.Concat(places, argumentsOf(o))
		if err := checkOperation(fmt.Sprintf("`http.operations[%d]`", i), o, places, names, schema); err != nil {
			return err
		}
		for _, n := range names {
			used[n] = true
		}
		for _, n := range places {
			inPaths[n]++
		}
	}
	if len(t.Operations) > 1 {
		argument := string(t.OperationArgument)
		if argument == "" {
			argument = "operation"
		}
		if err := checkOperationArgument(t, schema, argument); err != nil {
			return err
		}
		used[argument] = true
	}
	for _, p := range slices.Sorted(maps.Keys(schema.Properties)) {
		if !used[p] {
			return fmt.Errorf("`inputSchema.properties` has %s, which no entry of `http.operations` uses", p)
		}
		// An argument that only some operations need is asked for at the call.
		if inPaths[p] > 0 && inPaths[p] == len(t.Operations) && !slices.Contains(schema.Required, p) {
			return fmt.Errorf("`inputSchema.required` must name %s: it is a segment of the path of every entry of `http.operations`", p)
		}
	}
	return nil
}

// checkOperation holds the arguments of one operation, those in its path and all, against the schema.
func checkOperation(at string, o v1alpha1.HTTPOperation, places, names []string, schema *jsonschema.Schema) error {
	if o.BodyArgument != "" && (o.Method == "" || o.Method == "GET") {
		return fmt.Errorf("%s has a `bodyArgument`, and GET has no body", at)
	}
	for _, n := range names {
		if schema.Properties[n] == nil {
			return fmt.Errorf("%s uses the argument %s, which is not among `inputSchema.properties`", at, n)
		}
	}
	for _, n := range places {
		if !fillsSegment(schema.Properties[n]) {
			return fmt.Errorf("`inputSchema.properties.%s` must have a `minLength` of at least 1, or an `enum` without '', '.' and '..': it is a segment of the path of %s", n, at)
		}
	}
	if p := schema.Properties[string(o.BodyArgument)]; o.BodyArgument != "" && p.Type != "string" {
		return fmt.Errorf("`inputSchema.properties.%s.type` must be string: it is the `bodyArgument` of %s", o.BodyArgument, at)
	}
	return nil
}

// argumentsOf are the arguments in an operation's query and body.
func argumentsOf(o v1alpha1.HTTPOperation) []string {
	var out []string
	for _, q := range o.Query {
		if q.Argument != "" {
			out = append(out, string(q.Argument))
		}
	}
	if o.BodyArgument != "" {
		out = append(out, string(o.BodyArgument))
	}
	return out
}

// checkRoutes wants each route once.
func checkRoutes(routes []v1alpha1.HTTPRoute) error {
	seen := map[v1alpha1.HTTPRoute]bool{}
	for _, r := range routes {
		if r.Method == "" {
			r.Method = "GET"
		}
		if seen[r] {
			return fmt.Errorf("`http.allow` has %s %s twice", r.Method, r.Path)
		}
		seen[r] = true
	}
	return nil
}

// placesOf are the arguments in a path, sorted, each once.
func placesOf(path string) []string {
	var out []string
	for _, m := range placePattern.FindAllStringSubmatch(path, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// fillsSegment says whether no value that a property allows makes an empty segment of
// a path. An enum must not name what is no segment of its own either.
func fillsSegment(p *jsonschema.Schema) bool {
	for _, e := range p.Enum {
		if e == any("") || e == any(".") || e == any("..") {
			return false
		}
	}
	return p.Type != "string" || len(p.Enum) > 0 || p.MinLength != nil && *p.MinLength > 0
}

// checkOperationArgument wants the argument that chooses an operation to be required
// and to allow exactly the operations that there are.
func checkOperationArgument(t v1alpha1.HTTPTool, schema *jsonschema.Schema, argument string) error {
	p := schema.Properties[argument]
	if p == nil || p.Type != "string" || !slices.Contains(schema.Required, argument) || len(p.Enum) != len(t.Operations) {
		return fmt.Errorf("`inputSchema` must require the string %s, with the names of `http.operations` as its `enum`", argument)
	}
	for _, o := range t.Operations {
		if !slices.Contains(p.Enum, any(string(o.Name))) {
			return fmt.Errorf("`inputSchema.properties.%s.enum` must name the operation %s", argument, o.Name)
		}
	}
	return nil
}
