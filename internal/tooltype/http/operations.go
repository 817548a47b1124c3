// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

var placePattern = regexp.MustCompile(`[{]([a-z][a-z0-9_]*)[}]`)

// checkOperations holds the arguments that operations use against those of the schema.
func checkOperations(t v1alpha1.HTTPTool, declared *jsonschema.Schema) error {
	used, inPaths := map[string]bool{}, map[string]int{}
	for i, o := range t.Operations {
		places := placesOf(o.Path)
		names := slices.Concat(places, argumentsOf(o))
		if err := checkOperation(fmt.Sprintf("`http.operations[%d]`", i), o, places, names, declared); err != nil {
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
		argument := operationArgument(t)
		if err := checkOperationArgument(t, declared, argument); err != nil {
			return err
		}
		used[argument] = true
	}
	for _, p := range slices.Sorted(maps.Keys(declared.Properties)) {
		if !used[p] {
			return fmt.Errorf("`inputSchema.properties` has %s, which no entry of `http.operations` uses", p)
		}
		// An argument that only some operations need is asked for at the call.
		if inPaths[p] > 0 && inPaths[p] == len(t.Operations) && !slices.Contains(declared.Required, p) {
			return fmt.Errorf("`inputSchema.required` must name %s: it is a segment of the path of every entry of `http.operations`", p)
		}
	}
	return nil
}

// checkOperation holds the arguments of one operation, those in its path and all, against the schema.
func checkOperation(at string, o v1alpha1.HTTPOperation, places, names []string, declared *jsonschema.Schema) error {
	if o.BodyArgument != "" && (o.Method == "" || o.Method == "GET") {
		return fmt.Errorf("%s has a `bodyArgument`, and GET has no body", at)
	}
	for _, n := range names {
		if declared.Properties[n] == nil {
			return fmt.Errorf("%s uses the argument %s, which is not among `inputSchema.properties`", at, n)
		}
	}
	for _, n := range places {
		if !fillsSegment(declared.Properties[n]) {
			return fmt.Errorf("`inputSchema.properties.%s` must have a `minLength` of at least 1, or an `enum` without '', '.' and '..': it is a segment of the path of %s", n, at)
		}
	}
	if p := declared.Properties[string(o.BodyArgument)]; o.BodyArgument != "" && p.Type != "string" {
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
func checkOperationArgument(t v1alpha1.HTTPTool, declared *jsonschema.Schema, argument string) error {
	p := declared.Properties[argument]
	if p == nil || p.Type != "string" || !slices.Contains(declared.Required, argument) || len(p.Enum) != len(t.Operations) {
		return fmt.Errorf("`inputSchema` must require the string %s, with the names of `http.operations` as its `enum`", argument)
	}
	for _, o := range t.Operations {
		if !slices.Contains(p.Enum, any(string(o.Name))) {
			return fmt.Errorf("`inputSchema.properties.%s.enum` must name the operation %s", argument, o.Name)
		}
	}
	return nil
}
