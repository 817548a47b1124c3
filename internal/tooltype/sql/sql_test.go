// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/tooltypetest"
)

func TestCheck(t *testing.T) {
	region := tooltypetest.Schema(`{"type":"object","properties":{"region":{"type":"string"}},"required":["region"]}`)
	sql := func(statement string, parameters ...string) *v1alpha1.SQLTool {
		out := &v1alpha1.SQLTool{Statement: statement}
		for _, p := range parameters {
			out.Parameters = append(out.Parameters, v1alpha1.SQLParameter{Name: p})
		}
		return out
	}
	for name, c := range map[string]struct {
		spec v1alpha1.ToolSpec
		want string
	}{
		"a statement without parameters":               {v1alpha1.ToolSpec{SQL: sql("SELECT 1;")}, ""},
		"a statement with its parameter":               {v1alpha1.ToolSpec{SQL: sql("SELECT 1 WHERE :region IS NULL OR r = :region", "region"), InputSchema: region}, ""},
		"markers in strings and comments do not count": {v1alpha1.ToolSpec{SQL: sql("SELECT ':a', `:b`, x::int -- :c\n /* :d */ WHERE r = :region", "region"), InputSchema: region}, ""},
		"a semicolon in a string does not count":       {v1alpha1.ToolSpec{SQL: sql("SELECT ';'")}, ""},
		"two statements":                               {v1alpha1.ToolSpec{SQL: sql("SELECT 1; DROP TABLE x")}, "single statement"},
		"a write":                                      {v1alpha1.ToolSpec{SQL: sql("DELETE FROM x")}, "must be a SELECT"},
		"a marker that nothing binds":                  {v1alpha1.ToolSpec{SQL: sql("SELECT :region"), InputSchema: region}, "marker :region"},
		"a parameter without a marker":                 {v1alpha1.ToolSpec{SQL: sql("SELECT 1", "region"), InputSchema: region}, "no marker :region"},
		"a parameter without a property":               {v1alpha1.ToolSpec{SQL: sql("SELECT :other", "other"), InputSchema: region}, "not among `inputSchema.properties`"},
		"a property that nothing binds":                {v1alpha1.ToolSpec{SQL: sql("SELECT 1"), InputSchema: region}, "no entry of `sql.parameters`"},
		"a schema that is not an object":               {v1alpha1.ToolSpec{SQL: sql("SELECT 1"), InputSchema: tooltypetest.Schema(`{"type":"string"}`)}, "type: object"},
		"a schema that is no schema":                   {v1alpha1.ToolSpec{SQL: sql("SELECT 1"), InputSchema: tooltypetest.Schema(`{"type":5}`)}, "JSON Schema"},
		"a property that is a list":                    {v1alpha1.ToolSpec{SQL: sql("SELECT :a", "a"), InputSchema: tooltypetest.Schema(`{"type":"object","properties":{"a":{"type":"array"}}}`)}, "properties.a.type"},
		"a required property that is none":             {v1alpha1.ToolSpec{SQL: sql("SELECT 1"), InputSchema: tooltypetest.Schema(`{"type":"object","required":["b"]}`)}, "`inputSchema.required` names b"},
	} {
		tooltypetest.Checks(t, name, Type{}, c.spec, c.want)
	}
}
