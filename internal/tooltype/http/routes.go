// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype/schema"
)

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

// routesSchema is the schema of a request that the caller makes up, within the routes.
func routesSchema(t v1alpha1.HTTPTool) (json.RawMessage, error) {
	var methods []string
	seen := map[string]bool{}
	var paths []string
	for _, r := range t.Allow {
		method := string(r.Method)
		if method == "" {
			method = "GET"
		}
		if !seen[method] {
			seen[method] = true
			methods = append(methods, method)
		}
		paths = append(paths, method+" "+r.Path)
	}
	properties := map[string]schema.Property{
		"method": {"type": "string", "enum": methods},
		"path": {
			"type": "string", "minLength": 1, "maxLength": 1024,
			"description": "The path, beginning with '/'. Allowed ('*' is one segment, '**' any further ones): " + strings.Join(paths, ", ") + ".",
		},
		"query": {
			"type": "object", "maxProperties": 32, "propertyNames": schema.Property{"minLength": 1, "maxLength": 64},
			"additionalProperties": schema.Property{"type": "string", "maxLength": 1024}, // one type: not every client knows more
			"description":          "The query parameters.",
		},
	}
	if len(methods) > 1 || methods[0] != "GET" {
		properties["body"] = schema.Property{"type": "string", "maxLength": mostRequestBytes(t), "description": "The body, a JSON text. Not with GET."}
	}
	return schema.Object([]string{"method", "path"}, properties)
}
