// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// schemaViews are the views of information_schema that exist, with their columns.
var schemaViews = map[string][]string{
	"table_tags":   {"catalog_name", "schema_name", "table_name", "tag_name", "tag_value"},
	"column_tags":  {"catalog_name", "schema_name", "table_name", "column_name", "tag_name", "tag_value"},
	"row_filters":  {"catalog_name", "schema_name", "table_name", "filter_catalog", "filter_schema", "filter_name", "filter_col_usage"},
	"column_masks": {"catalog_name", "schema_name", "table_name", "column_name", "mask_catalog", "mask_schema", "mask_name", "mask_col_usage"},
}

// informationSchema is a view of an information_schema, or nil for other tables. The
// one of the catalog system covers all catalogs. Tables that the caller could not
// know of are left out.
func (r *rewriter) informationSchema(full string) (node, error) {
	parts := strings.SplitN(full, ".", 3)
	if parts[1] != "information_schema" {
		return nil, nil //nolint:nilnil // another table
	}
	columns, ok := schemaViews[parts[2]]
	if !ok {
		return nil, tableNotFound(full)
	}
	catalogs := []string{parts[0]}
	if parts[0] == "system" {
		catalogs = nil
		for _, c := range r.engine.Store.List(metastore.TypeCatalog, metastore.Securable{}) {
			catalogs = append(catalogs, c.Name)
		}
	} else {
		s := metastore.Securable{Type: metastore.TypeCatalog, Name: parts[0]}
		if _, ok := r.engine.Store.Get(s); !ok {
			return nil, tableNotFound(full)
		}
		if err := r.engine.may(r.rights(), s, "USE_CATALOG"); err != nil {
			return nil, err
		}
	}
	var rows [][]string
	for _, c := range catalogs {
		for _, schema := range r.engine.Store.List(metastore.TypeSchema, metastore.Securable{Type: metastore.TypeCatalog, Name: c}) {
			for _, t := range r.engine.Store.List(metastore.TypeTable, schema.Securable()) {
				if r.engine.Store.Visible(r.rights().Principal, t.Securable()) {
					rows = append(rows, schemaRows(parts[2], t)...)
				}
			}
		}
	}
	return r.values(columns, rows)
}

// schemaRows are the rows of a view for a table.
func schemaRows(view string, t metastore.Object) [][]string {
	at := strings.SplitN(t.Name, ".", 3)
	var out [][]string
	row := func(more ...string) { out = append(out, append(slices.Clone(at), more...)) }
	switch view {
	case "table_tags":
		for _, k := range slices.Sorted(maps.Keys(t.Tags)) {
			row(k, t.Tags[k])
		}
	case "row_filters":
		if t.Filter != "" {
			row(append(strings.SplitN(t.Filter, ".", 3), strings.Join(t.FilterOn, ","))...)
		}
	}
	for _, c := range t.Columns {
		switch {
		case view == "column_tags":
			for _, k := range slices.Sorted(maps.Keys(c.Tags)) {
				row(c.Name, k, c.Tags[k])
			}
		case view == "column_masks" && c.Mask != "":
			row(append(append([]string{c.Name}, strings.SplitN(c.Mask, ".", 3)...), strings.Join(c.MaskWith, ","))...)
		}
	}
	return out
}

// values is a table of strings as a subquery. An empty string is NULL.
func (r *rewriter) values(columns []string, rows [][]string) (node, error) {
	line := func(cells []string) string {
		quoted := make([]string, len(cells))
		for i, c := range cells {
			quoted[i] = "CAST(nullif(" + literal(c) + ", '') AS VARCHAR)"
		}
		return "(" + strings.Join(quoted, ", ") + ")"
	}
	lines := make([]string, len(rows))
	for i, cells := range rows {
		lines[i] = line(cells)
	}
	where := ""
	if len(rows) == 0 {
		lines, where = []string{line(make([]string, len(columns)))}, " WHERE false"
	}
	tree, err := r.engine.parse(r.ctx, "SELECT * FROM (SELECT * FROM (VALUES "+strings.Join(lines, ", ")+") AS t("+strings.Join(columns, ", ")+")"+where+") AS t")
	if err != nil {
		return nil, err
	}
	from, _ := tree["from_table"].(node)
	return from, nil
}
