// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package function is the type of tool that calls a Unity Catalog function.
package function

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/schema"
)

// Type is the function type.
type Type struct{}

var _ access.ToolType = Type{}

// Name returns the name of the type.
func (Type) Name() string { return "function" }

// Is says whether a spec is of the type.
func (Type) Is(t v1alpha1.ToolSpec) bool { return t.Function != nil }

// Check refuses an input schema: the type gives the arguments.
func (Type) Check(t v1alpha1.ToolSpec) error { return schema.None(t) }

// Needs returns what calling the function needs, which the SQL engine does on the server's
// warehouse. The operator asks for the function's signature.
func (Type) Needs(t v1alpha1.ToolSpec, warehouse string) (n access.ToolNeeds) {
	n.Scope(access.ScopeSQL)
	n.Function(t.Function.Name)
	n.Warehouse(warehouse)
	n.LookUp(v1alpha1.SecurableFunction, string(t.Function.Name))
	return n
}

// Compile takes over the name and the signature.
func (Type) Compile(t v1alpha1.ToolSpec, found access.Lookups, into *access.Tool) {
	signature := found.Functions[string(t.Function.Name)]
	into.Function = &access.FunctionTool{Name: string(t.Function.Name), Table: signature.Table, MaxRows: cmp.Or(max(t.Function.MaxRows, 0), 100)}
	for _, p := range signature.Parameters {
		into.Function.Parameters = append(into.Function.Parameters, access.Parameter{Name: p.Name, Type: p.Type})
	}
}

var namePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)

// InputSchema returns the schema of the function's parameters.
func (Type) InputSchema(t v1alpha1.ToolSpec, found access.Lookups) (json.RawMessage, error) {
	s := found.Functions[string(t.Function.Name)]
	if len(s.Parameters) > schema.MaxProperties {
		return nil, fmt.Errorf("the function has more than %d parameters", schema.MaxProperties)
	}
	properties := map[string]schema.Property{}
	var required []string
	seen := map[string]bool{} // the SQL engine does not tell upper from lower case
	for i, p := range s.Parameters {
		if !namePattern.MatchString(p.Name) {
			return nil, fmt.Errorf("the name of the function's parameter %d cannot be that of an argument, which is letters, digits and underscores, with no digit first", i+1)
		}
		if seen[strings.ToLower(p.Name)] {
			return nil, fmt.Errorf("the function has two parameters with the name %s", p.Name)
		}
		seen[strings.ToLower(p.Name)] = true
		one := sqlProperty(p.Type)
		if one == nil {
			return nil, fmt.Errorf("the function's parameter %s has the type %s, which cannot be bound to an argument", p.Name, readable(p.Type, 64))
		}
		if comment := readable(p.Comment, 256); comment != "" {
			one["description"] = comment
		}
		properties[p.Name] = one
		if !p.Optional {
			required = append(required, p.Name)
		}
	}
	return schema.Object(required, properties)
}

// readable is a text of Unity Catalog on one line, without what cannot be seen but is read.
func readable(text string, most int) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r), unicode.Is(unicode.Variation_Selector, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}
