// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tooltype

import (
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/function"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/genie"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/http"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/identity"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/serving"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/sql"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/vectorsearch"
)

// all are the types, in the order of the API. A new type is one line here.
var all = Registry{
	identity.Type{},
	sql.Type{},
	genie.Type{},
	vectorsearch.Type{},
	serving.Type{},
	http.Type{},
	function.Type{},
}

// Registry is a list of types of tools.
type Registry []access.ToolType

var _ access.ToolTypes = Registry{}

// All returns every type that there is.
func All() Registry { return all }

// Of returns the type of a tool. It fails unless exactly one type of the list is set.
func (r Registry) Of(spec v1alpha1.ToolSpec) (access.ToolType, error) {
	var found access.ToolType
	for _, t := range r {
		if !t.Is(spec) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("both `%s` and `%s` are set: exactly one type must be", found.Name(), t.Name())
		}
		found = t
	}
	if found == nil {
		return nil, fmt.Errorf("no type is set that this operator knows: set exactly one of %s", r.names())
	}
	return found, nil
}

func (r Registry) names() string {
	names := make([]string, len(r))
	for i, t := range r {
		names[i] = "`" + t.Name() + "`"
	}
	return strings.Join(names, ", ")
}

// Lookups returns the objects that Databricks must be asked about before tools can be served,
// in the order of the tools. A tool of no known type names none: it is not served.
func Lookups(tools []v1alpha1.ToolSpec) []v1alpha1.Securable {
	var out []v1alpha1.Securable
	for _, spec := range tools {
		if t, err := all.Of(spec); err == nil {
			out = append(out, t.Needs(spec, "").Lookups...)
		}
	}
	return out
}

// Check returns why a tool cannot be served, naming the field; nil means it can.
func Check(spec v1alpha1.ToolSpec) error {
	t, err := all.Of(spec)
	if err != nil {
		return err
	}
	return t.Check(spec)
}
