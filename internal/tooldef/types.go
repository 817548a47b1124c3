// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tooldef

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/google/jsonschema-go/jsonschema"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func checkVectorSearch(t v1alpha1.VectorSearchTool) error {
	seen := map[v1alpha1.ArgumentName]bool{}
	for i, f := range t.Filters {
		if f.Argument != "" && seen[f.Argument] {
			return fmt.Errorf("`vectorSearch.filters` names the argument %s twice", f.Argument)
		}
		seen[f.Argument] = true
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
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, errors.New("must be true or false")
		}
		return b, nil
	}
	return text, nil
}

func isNumber(n json.Number) bool {
	_, err := n.Float64()
	return err == nil
}

var placePattern = regexp.MustCompile(`[{]([a-z][a-z0-9_]*)[}]`)

// checkHTTP holds the arguments that operations use against those of the schema.
func checkHTTP(t v1alpha1.HTTPTool, raw *apiextensionsv1.JSON, properties []string) error {
	used := map[string]bool{}
	for i, o := range t.Operations {
		at := fmt.Sprintf("`http.operations[%d]`", i)
		var names []string
		for _, m := range placePattern.FindAllStringSubmatch(o.Path, -1) {
			names = append(names, m[1])
		}
		for _, q := range o.Query {
			if q.Argument != "" {
				names = append(names, string(q.Argument))
			}
		}
		if o.BodyArgument != "" {
			if o.Method == "" || o.Method == "GET" {
				return fmt.Errorf("%s has a `bodyArgument`, and GET has no body", at)
			}
			names = append(names, string(o.BodyArgument))
		}
		for _, n := range names {
			if !slices.Contains(properties, n) {
				return fmt.Errorf("%s uses the argument %s, which is not among `inputSchema.properties`", at, n)
			}
			used[n] = true
		}
	}
	if len(t.Operations) > 1 {
		argument := string(t.OperationArgument)
		if argument == "" {
			argument = "operation"
		}
		if err := checkOperationArgument(t, raw, argument); err != nil {
			return err
		}
		used[argument] = true
	}
	for _, p := range properties {
		if !used[p] {
			return fmt.Errorf("`inputSchema.properties` has %s, which no entry of `http.operations` uses", p)
		}
	}
	return nil
}

// checkOperationArgument wants the argument that chooses an operation to be required
// and to allow exactly the operations that there are.
func checkOperationArgument(t v1alpha1.HTTPTool, raw *apiextensionsv1.JSON, argument string) error {
	var schema jsonschema.Schema
	if raw != nil {
		if err := json.Unmarshal(raw.Raw, &schema); err != nil {
			return errors.New("`inputSchema` must be a JSON Schema")
		}
	}
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
