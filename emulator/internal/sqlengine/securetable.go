// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// base is the alias of a table inside its secured subquery; callers cannot write it.
const base = "__gh"

// dataCatalog holds the rows, in one schema for each schema of Unity Catalog.
const dataCatalog = "gh_data"

// table replaces a table by what the caller may see of it.
func (r *rewriter) table(n node, ctes []string) (any, error) {
	catalog, schema, table := strings.ToLower(text(n, "catalog_name")), strings.ToLower(text(n, "schema_name")), strings.ToLower(text(n, "table_name"))
	if catalog == "" && schema == "" && slices.Contains(ctes, table) {
		return n, nil
	}
	full, err := r.session.complete(catalog, schema, table)
	if err != nil {
		return nil, err
	}
	if query, err := r.informationSchema(full); query != nil || err != nil {
		return named(n, query), err
	}
	if !r.definer {
		if err := r.engine.mayRead(r.rights(), full); err != nil {
			return nil, err
		}
	}
	object, ok := r.engine.Store.Get(metastore.Securable{Type: metastore.TypeTable, Name: full})
	if !ok {
		return nil, tableNotFound(full)
	}
	var query node
	if object.Query != "" {
		query, err = r.view(object)
	} else {
		query, err = r.secured(object)
	}
	if err != nil {
		return nil, err
	}
	return named(n, query), nil
}

// named gives what replaces a table the name that the statement calls it by.
func named(n, query node) any {
	if query == nil {
		return nil
	}
	alias := text(n, "alias")
	if alias == "" {
		alias = text(n, "table_name")
	}
	query["alias"] = alias
	for _, key := range []string{"column_name_alias", "sample"} {
		if v, ok := n[key]; ok {
			query[key] = v
		}
	}
	return query
}

// complete fills in the session's catalog and schema. A name that only has the
// form of a file is a table that does not exist.
func (s Session) complete(catalog, schema, table string) (string, error) {
	if schema == "" {
		schema = s.Schema
	}
	if catalog == "" {
		catalog = s.Catalog
	}
	if schema == "" || catalog == "" || !plainName(catalog) || !plainName(schema) || !plainName(table) {
		return "", tableNotFound(strings.Trim(strings.Join([]string{catalog, schema, table}, "."), "."))
	}
	return strings.ToLower(catalog + "." + schema + "." + table), nil
}

func plainName(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// secured is a table as a subquery, with masks and filter for the session.
func (r *rewriter) secured(o metastore.Object) (node, error) {
	columns := make([]string, len(o.Columns))
	for i, c := range o.Columns {
		columns[i] = fmt.Sprintf("%s.%s AS %s", base, name(c.Name), name(c.Name))
	}
	statement := "SELECT * FROM (SELECT " + strings.Join(columns, ", ") + " FROM " + dataName(o.Name) + " AS " + base + " WHERE true) AS t"
	tree, err := r.engine.parse(r.ctx, statement)
	if err != nil {
		return nil, err
	}
	from, _ := tree["from_table"].(node)
	inner, _ := from["subquery"].(node)
	body, _ := inner["node"].(node)
	if body == nil {
		return nil, fmt.Errorf("secure %s: unexpected syntax tree", o.Name)
	}
	list, _ := body["select_list"].([]any)
	if len(list) != len(o.Columns) {
		return nil, fmt.Errorf("secure %s: unexpected syntax tree", o.Name)
	}
	if r.definer {
		return from, nil // a function reads the rows as they are
	}
	for i, c := range o.Columns {
		if c.Mask == "" {
			continue
		}
		masked, err := r.call(c.Mask, append([]node{baseColumn(c.Name)}, baseColumns(c.MaskWith)...))
		if err != nil {
			return nil, err
		}
		cast, err := r.cast(masked, c.Type)
		if err != nil {
			return nil, err
		}
		cast["alias"] = c.Name
		list[i] = cast
	}
	if o.Filter != "" {
		where, err := r.call(o.Filter, baseColumns(o.FilterOn))
		if err != nil {
			return nil, err
		}
		body["where_clause"] = where
	}
	return from, nil
}

func baseColumn(column string) node {
	return node{"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "query_location": uint64(0), "column_names": []any{base, column}}
}

func baseColumns(columns []string) []node {
	out := make([]node, len(columns))
	for i, c := range columns {
		out[i] = baseColumn(c)
	}
	return out
}
