// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package unitycatalog

import (
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// info is an object as the API describes it.
func info(o metastore.Object) map[string]any {
	parts := strings.Split(o.Name, ".")
	out := map[string]any{"name": parts[len(parts)-1], "full_name": o.Name, "owner": o.Owner, "created_at": o.Created.UnixMilli()}
	if o.Comment != "" {
		out["comment"] = o.Comment
	}
	if !o.Updated.IsZero() {
		out["updated_at"] = o.Updated.UnixMilli()
	}
	if o.UpdatedBy != "" {
		out["updated_by"] = o.UpdatedBy
	}
	if len(parts) > 1 {
		out["catalog_name"] = parts[0]
	}
	if len(parts) > 2 {
		out["schema_name"] = parts[1]
	}
	switch o.Type {
	case metastore.TypeTable:
		out["table_type"], out["data_source_format"], out["columns"] = "MANAGED", "DELTA", columns(o.Columns, true)
		if o.Query != "" {
			out["table_type"], out["view_definition"] = "VIEW", o.Query
			delete(out, "data_source_format")
		}
		if o.Filter != "" {
			out["row_filter"] = map[string]any{"function_name": o.Filter, "input_column_names": o.FilterOn}
		}
	case metastore.TypeFunction:
		functionInfo(o, out)
	case metastore.TypeConnection:
		connectionInfo(o, out)
	}
	return out
}

// typeName is a type without its arguments, as type_name names it.
func typeName(t string) string {
	base := strings.SplitN(t, "(", 2)[0]
	if to, ok := typeNames[base]; ok {
		return to
	}
	return strings.SplitN(base, "<", 2)[0]
}

func columns(list []metastore.Column, ofTable bool) []any {
	out := []any{}
	for i, c := range list {
		one := map[string]any{"name": c.Name, "type_text": strings.ToLower(c.Type), "type_name": typeName(c.Type), "position": i}
		if ofTable {
			one["nullable"] = !c.NotNull
		}
		if c.Comment != "" {
			one["comment"] = c.Comment
		}
		if c.Mask != "" {
			mask := map[string]any{"function_name": c.Mask}
			if len(c.MaskWith) > 0 {
				mask["using_column_names"] = c.MaskWith
			}
			one["mask"] = mask
		}
		out = append(out, one)
	}
	return out
}
