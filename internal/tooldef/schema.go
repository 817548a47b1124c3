// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tooldef

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Signature is that of a Unity Catalog function.
type Signature struct {
	Parameters []SignatureParameter
	// Table says that the function returns a table.
	Table bool
}

// SignatureParameter is a parameter of a function.
type SignatureParameter struct {
	Name string
	// Type is the SQL type, such as BIGINT or DECIMAL(18,2).
	Type string
	// Optional says that the function has a default for it.
	Optional bool
	Comment  string
}

// property is a property of an input schema. Members are written in the order of their names.
type property map[string]any

func object(required []string, properties map[string]property) (json.RawMessage, error) {
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	raw, err := json.Marshal(out)
	if err == nil && len(raw) > maxSchemaBytes {
		err = fmt.Errorf("the input schema must be at most %d bytes of JSON: fewer or shorter parameters and comments make it smaller", maxSchemaBytes)
	}
	return raw, err
}

// InputSchema is the JSON Schema of a tool's arguments: what the tool declares, or
// what its type, or its function's signature, says. Signature is used for function
// tools only. It fails when a parameter cannot be an argument, or the whole is too large.
func InputSchema(t v1alpha1.ToolSpec, s Signature) (json.RawMessage, error) {
	switch {
	case t.InputSchema != nil:
		return json.RawMessage(t.InputSchema.Raw), nil
	case t.Genie != nil:
		return object([]string{"question"}, map[string]property{
			"question":        {"type": "string", "minLength": 1, "maxLength": 4000, "description": "The question, in natural language."},
			"conversation_id": {"type": "string", "minLength": 1, "maxLength": 2048, "description": "The conversation_id of an earlier answer, to go on with that conversation."},
		})
	case t.VectorSearch != nil:
		return vectorSearchSchema(*t.VectorSearch)
	case t.Serving != nil:
		return object([]string{"question"}, map[string]property{
			"question": {"type": "string", "minLength": 1, "maxLength": 16000, "description": "What to ask, in natural language."},
		})
	case t.HTTP != nil && len(t.HTTP.Allow) > 0:
		return routesSchema(*t.HTTP)
	case t.Function != nil:
		return functionSchema(s)
	}
	return object(nil, map[string]property{})
}

func vectorSearchSchema(t v1alpha1.VectorSearchTool) (json.RawMessage, error) {
	most := t.MaxResults
	if most <= 0 {
		most = 10
	}
	properties := map[string]property{
		"query":       {"type": "string", "minLength": 1, "maxLength": 4000, "description": "What to look for, in natural language."},
		"num_results": {"type": "integer", "minimum": 1, "maximum": most, "description": "How many results to return at most."},
		"columns": {
			"type": "array", "minItems": 1, "maxItems": len(t.Columns), "uniqueItems": true,
			"items": property{"type": "string", "enum": t.Columns}, "description": "Which columns to return. Default all.",
		},
	}
	for _, f := range t.Filters {
		if f.Argument == "" {
			continue
		}
		p := property{"type": "string", "minLength": 1, "maxLength": 1024}
		switch f.Type {
		case "Number":
			p = property{"type": "number"}
		case "Boolean":
			p = property{"type": "boolean"}
		}
		p["description"] = fmt.Sprintf("Only what has a %s %s this.", f.Column, operatorWords[f.Operator])
		properties[string(f.Argument)] = p
	}
	return object([]string{"query"}, properties)
}

var operatorWords = map[v1alpha1.VectorSearchOperator]string{
	"": "equal to", "Equal": "equal to", "NotEqual": "other than", "LessThan": "below", "LessOrEqual": "of at most", "GreaterThan": "above", "GreaterOrEqual": "of at least",
}

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
	properties := map[string]property{
		"method": {"type": "string", "enum": methods},
		"path": {
			"type": "string", "minLength": 1, "maxLength": 1024,
			"description": "The path, beginning with '/'. Allowed ('*' is one segment, '**' any further ones): " + strings.Join(paths, ", ") + ".",
		},
		"query": {
			"type": "object", "maxProperties": 32, "propertyNames": property{"minLength": 1, "maxLength": 64},
			"additionalProperties": property{"type": []string{"string", "number", "boolean"}, "maxLength": 1024},
			"description":          "The query parameters.",
		},
	}
	if len(methods) > 1 || methods[0] != "GET" {
		most := t.MaxRequestBytes
		if most <= 0 {
			most = 16384
		}
		properties["body"] = property{"type": "string", "maxLength": most, "description": "The body, a JSON text. Not with GET."}
	}
	return object([]string{"method", "path"}, properties)
}

var (
	namePattern    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)
	decimalPattern = regexp.MustCompile(`^DECIMAL\(([0-9]{1,2}),([0-9]{1,2})\)$`)
)

func functionSchema(s Signature) (json.RawMessage, error) {
	if len(s.Parameters) > maxProperties {
		return nil, fmt.Errorf("the function has more than %d parameters", maxProperties)
	}
	properties := map[string]property{}
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
	return object(required, properties)
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

const timePattern = `[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?`

// sqlProperty is the property that a SQL type stands for, or nil.
func sqlProperty(sqlType string) property {
	whole := func(bits uint) property {
		most := int64(1)<<(bits-1) - 1
		return property{"type": "integer", "minimum": -most - 1, "maximum": most}
	}
	switch sqlType {
	case "STRING":
		return property{"type": "string", "maxLength": 65536}
	case "TINYINT":
		return whole(8)
	case "SMALLINT":
		return whole(16)
	case "INT":
		return whole(32)
	case "BIGINT":
		return property{"type": "integer"} // its bounds are no exact floating-point numbers
	case "FLOAT", "DOUBLE":
		return property{"type": "number"}
	case "BOOLEAN":
		return property{"type": "boolean"}
	case "DATE":
		return property{"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`}
	case "TIMESTAMP":
		return property{"type": "string", "pattern": "^" + timePattern + `(Z|[+-][0-9]{2}:[0-9]{2})?$`}
	case "TIMESTAMP_NTZ": // has no time zone
		return property{"type": "string", "pattern": "^" + timePattern + "$"}
	}
	if m := decimalPattern.FindStringSubmatch(sqlType); m != nil {
		return decimalProperty(m[1], m[2])
	}
	return nil
}

// decimalProperty allows the decimals that fit, which a float could not hold exactly.
func decimalProperty(precision, scale string) property {
	p, _ := strconv.Atoi(precision)
	s, _ := strconv.Atoi(scale)
	if p < 1 || p > 38 || s > p {
		return nil
	}
	pattern := fmt.Sprintf(`[0-9]{1,%d}`, max(p-s, 1))
	if p == s {
		pattern = "0"
	}
	if s > 0 {
		pattern += fmt.Sprintf(`([.][0-9]{1,%d})?`, s)
	}
	return property{"type": "string", "pattern": "^[+-]?" + pattern + "$"}
}
