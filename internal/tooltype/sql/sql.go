// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sql is the type of tool that runs one SQL statement as the caller's role.
package sql

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/schema"
)

// Type is the sql type.
type Type struct{}

var _ access.ToolType = Type{}

// Name returns the name of the type.
func (Type) Name() string { return "sql" }

// Is says whether a spec is of the type.
func (Type) Is(t v1alpha1.ToolSpec) bool { return t.SQL != nil }

// Check wants a single SELECT whose markers, parameters and arguments belong together.
func (Type) Check(t v1alpha1.ToolSpec) error {
	declared, err := schema.Declared(t)
	if err != nil {
		return err
	}
	return checkStatement(*t.SQL, slices.Sorted(maps.Keys(declared.Properties)))
}

// Needs returns what a statement on the server's warehouse needs.
func (Type) Needs(_ v1alpha1.ToolSpec, warehouse string) (n access.ToolNeeds) {
	n.Scope(access.ScopeSQL)
	n.Warehouse(warehouse)
	return n
}

// InputSchema returns the schema that the tool declares, or that of no arguments.
func (Type) InputSchema(t v1alpha1.ToolSpec, _ access.Lookups) (json.RawMessage, error) {
	if t.InputSchema != nil {
		return json.RawMessage(t.InputSchema.Raw), nil
	}
	return schema.Empty()
}

// Compile takes over the statement and its parameters.
func (Type) Compile(t v1alpha1.ToolSpec, _ access.Lookups, into *access.Tool) {
	into.SQL = &access.SQLTool{Statement: t.SQL.Statement, MaxRows: t.SQL.MaxRows}
	for _, p := range t.SQL.Parameters {
		into.SQL.Parameters = append(into.SQL.Parameters, access.Parameter{Name: p.Name, Type: string(p.Type)})
	}
}

// checkStatement holds the markers of the statement, its parameters and the arguments against each other.
func checkStatement(t v1alpha1.SQLTool, properties []string) error {
	text := bare(t.Statement)
	if i := strings.Index(strings.TrimRight(text, "; \n\t\r"), ";"); i >= 0 {
		return errors.New("`sql.statement` must be a single statement")
	}
	if first := strings.ToUpper(firstWord(text)); first != "SELECT" && first != "WITH" {
		return errors.New("`sql.statement` must be a SELECT: a tool reads")
	}
	marked := markers(text)
	var bound []string
	for _, p := range t.Parameters {
		if !slices.Contains(properties, p.Name) {
			return fmt.Errorf("`sql.parameters` names %s, which is not among `inputSchema.properties`", p.Name)
		}
		if !slices.Contains(marked, p.Name) {
			return fmt.Errorf("`sql.parameters` names %s, and `sql.statement` has no marker :%s", p.Name, p.Name)
		}
		bound = append(bound, p.Name)
	}
	for _, m := range marked {
		if !slices.Contains(bound, m) {
			return fmt.Errorf("`sql.statement` has the marker :%s, which is not among `sql.parameters`", m)
		}
	}
	for _, p := range properties {
		if !slices.Contains(bound, p) {
			return fmt.Errorf("`inputSchema.properties` has %s, which no entry of `sql.parameters` binds", p)
		}
	}
	return nil
}

var (
	quotedPattern = regexp.MustCompile("(?s)'(?:[^'\\\\]|\\\\.|'')*'|\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|--[^\n]*|/\\*.*?\\*/")
	markerPattern = regexp.MustCompile(`(?:^|[^:\w]):([A-Za-z_]\w*)`)
	wordPattern   = regexp.MustCompile(`[A-Za-z]+`)
)

// bare is a statement without its strings, quoted names and comments.
func bare(statement string) string { return quotedPattern.ReplaceAllString(statement, " ") }

func firstWord(text string) string { return wordPattern.FindString(text) }

// markers are the named parameters of a statement, sorted, each once.
func markers(text string) []string {
	var out []string
	for _, m := range markerPattern.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}
