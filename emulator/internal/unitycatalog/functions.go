// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package unitycatalog

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// typeNames are the types that the API names otherwise than SQL does.
var typeNames = map[string]string{"BIGINT": "LONG", "SMALLINT": "SHORT", "TINYINT": "BYTE", "TABLE": "TABLE_TYPE"}

// functionInfo adds what only a function has: the whole of its signature.
func functionInfo(o metastore.Object, out map[string]any) {
	out["data_type"], out["full_data_type"] = typeName(o.Returns), o.Returns
	out["routine_body"], out["routine_definition"], out["parameter_style"], out["security_type"] = "SQL", o.Body, "S", "DEFINER"
	out["specific_name"], out["function_id"], out["is_deterministic"], out["is_null_call"] = out["name"], identifier(o), true, false
	out["sql_data_access"] = "CONTAINS_SQL"
	if strings.Contains(strings.ToUpper(o.Body), "SELECT") {
		out["sql_data_access"] = "READS_SQL_DATA"
	}
	out["input_params"] = map[string]any{"parameters": parameters(o.Columns, "PARAM")}
	if o.Returns == "TABLE" {
		out["return_params"] = map[string]any{"parameters": parameters(o.Table, "COLUMN")}
	}
}

// parameters describe the parameters of a function, or the columns that it returns.
func parameters(list []metastore.Column, kind string) []any {
	out := columns(list, false)
	for i, c := range list {
		one, _ := out[i].(map[string]any)
		one["parameter_mode"], one["parameter_type"] = "IN", kind
		var precision, scale int
		if _, err := fmt.Sscanf(strings.ReplaceAll(c.Type, " ", ""), "DECIMAL(%d,%d)", &precision, &scale); err == nil {
			one["type_precision"], one["type_scale"] = precision, scale
		}
		raw, err := json.Marshal(map[string]any{"name": c.Name, "type": sparkName(c.Type), "nullable": true, "metadata": map[string]any{}})
		if err == nil {
			one["type_json"] = string(raw)
		}
	}
	return out
}

// sparkName is a type as type_json writes it.
func sparkName(t string) string {
	base := strings.ToLower(t)
	if to, ok := map[string]string{"int": "integer", "bigint": "long", "smallint": "short", "tinyint": "byte"}[base]; ok {
		return to
	}
	return base
}
