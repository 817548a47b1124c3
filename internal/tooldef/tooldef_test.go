// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tooldef

import (
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestCheck(t *testing.T) {
	region := schema(`{"type":"object","properties":{"region":{"type":"string"}},"required":["region"]}`)
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
		"an identity tool":                             {v1alpha1.ToolSpec{Identity: &v1alpha1.IdentityTool{}}, ""},
		"an identity tool with arguments":              {v1alpha1.ToolSpec{Identity: &v1alpha1.IdentityTool{}, InputSchema: region}, "`inputSchema` may be set for `sql` tools"},
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
		"a schema that is not an object":               {v1alpha1.ToolSpec{SQL: sql("SELECT 1"), InputSchema: schema(`{"type":"string"}`)}, "type: object"},
		"a schema that is no schema":                   {v1alpha1.ToolSpec{SQL: sql("SELECT 1"), InputSchema: schema(`{"type":5}`)}, "JSON Schema"},
		"a property that is a list":                    {v1alpha1.ToolSpec{SQL: sql("SELECT :a", "a"), InputSchema: schema(`{"type":"object","properties":{"a":{"type":"array"}}}`)}, "properties.a.type"},
		"a required property that is none":             {v1alpha1.ToolSpec{SQL: sql("SELECT 1"), InputSchema: schema(`{"type":"object","required":["b"]}`)}, "`inputSchema.required` names b"},
	} {
		checks(t, name, c.spec, c.want)
	}
}

func schema(s string) *apiextensionsv1.JSON { return &apiextensionsv1.JSON{Raw: []byte(s)} }

// checks wants Check to say something, or nothing.
func checks(t *testing.T, name string, spec v1alpha1.ToolSpec, want string) {
	t.Helper()
	err := Check(spec)
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: got %v, want %q", name, err, want)
	}
}
