// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tooldef says whether a declared tool can be served, before a pod meets it.
package tooldef

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Check returns why a tool cannot be served, naming the field; nil means it can.
func Check(t v1alpha1.ToolSpec) error {
	schema, err := declared(t)
	if err != nil {
		return err
	}
	switch {
	case t.SQL != nil:
		return checkSQL(*t.SQL, slices.Sorted(maps.Keys(schema.Properties)))
	case t.VectorSearch != nil:
		return checkVectorSearch(*t.VectorSearch)
	case t.HTTP != nil:
		return checkHTTP(*t.HTTP, schema)
	}
	return nil
}

func checkSQL(t v1alpha1.SQLTool, properties []string) error {
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
