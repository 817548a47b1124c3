// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package vectorsearch

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/tooltypetest"
)

type filter = v1alpha1.VectorSearchFilter

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
		tooltypetest.Checks(t, name, Type{}, v1alpha1.ToolSpec{VectorSearch: &v1alpha1.VectorSearchTool{Filters: c.filters}}, c.want)
	}
}
