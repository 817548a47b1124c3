// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// setTags runs SET TAGS ('name' = 'value', 'name', ...) on a table, or on a column
// if one is named. It takes APPLY TAG, or managing the table.
func (r *run) setTags(s metastore.Securable, column string) (*Result, error) {
	tags, err := r.tags()
	if err != nil {
		return nil, err
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	o, ok := r.engine.Store.Get(s)
	if !ok {
		return nil, notFound(s)
	}
	if !r.engine.Store.MayManage(r.session.Principal, s) {
		if err := r.engine.mayTouch(r.session, s.Name, "APPLY_TAG"); err != nil {
			return nil, err
		}
	}
	into := &o.Tags
	if column != "" {
		o.Columns = slices.Clone(o.Columns)
		c, err := columnOf(&o, column)
		if err != nil {
			return nil, err
		}
		into = &c.Tags
	}
	merged := map[string]string{}
	maps.Copy(merged, *into)
	maps.Copy(merged, tags)
	*into = merged
	return &Result{}, r.engine.Store.Put(o)
}

// tags reads ('name' = 'value', 'name', ...); a name alone has the empty value.
func (r *run) tags() (map[string]string, error) {
	if err := r.c.expect("("); err != nil {
		return nil, err
	}
	out := map[string]string{}
	err := r.c.elements(func() error {
		key, err := r.c.text("the name of a tag")
		if err != nil {
			return err
		}
		out[key] = ""
		if r.c.accept("=") {
			out[key], err = r.c.text("the value of a tag")
		}
		return err
	})
	return out, err
}

// use runs USE [CATALOG|SCHEMA] name. Every statement of the API is a session of its
// own, so that it changes nothing: it says whether the name may be used.
func (r *run) use() (*Result, error) {
	kind := metastore.TypeSchema
	if r.c.accept("CATALOG") {
		kind = metastore.TypeCatalog
	} else if !r.c.accept("SCHEMA") {
		r.c.accept("DATABASE")
	}
	s, err := r.named(kind)
	if err != nil {
		return nil, err
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	if _, ok := r.engine.Store.Get(s); !ok {
		return nil, notFound(s)
	}
	if catalog, schema, ok := strings.Cut(s.Name, "."); ok {
		return &Result{}, r.engine.mayUse(r.session, catalog, schema)
	}
	return &Result{}, r.engine.may(r.session, s, "USE_CATALOG")
}

// extendedRows are what DESCRIBE TABLE EXTENDED says after the columns.
func extendedRows(o metastore.Object) [][]string {
	parts := strings.SplitN(o.Name, ".", 3)
	kind, provider := "MANAGED", "delta"
	if o.Query != "" {
		kind, provider = "VIEW", ""
	}
	rows := [][]string{
		{"", "", ""}, {"# Detailed Table Information", "", ""},
		{"Catalog", parts[0], ""}, {"Database", parts[1], ""}, {"Table", parts[2], ""}, {"Owner", o.Owner, ""},
		{"Created Time", o.Created.UTC().Format("Mon Jan 02 15:04:05 MST 2006"), ""}, {"Type", kind, ""},
	}
	if o.Comment != "" {
		rows = append(rows, []string{"Comment", o.Comment, ""})
	}
	if provider != "" {
		rows = append(rows, []string{"Provider", provider, ""})
	}
	if o.Query != "" {
		rows = append(rows, []string{"View Text", o.Query, ""})
	}
	if o.Filter != "" {
		rows = append(rows, []string{"", "", ""}, []string{"# Row Filter", "", ""},
			[]string{"Function", o.Filter, ""}, []string{"Columns", strings.Join(o.FilterOn, ", "), ""})
	}
	var masks [][]string
	for _, c := range o.Columns {
		if c.Mask != "" {
			masks = append(masks, []string{c.Name, c.Mask, strings.Join(c.MaskWith, ", ")})
		}
	}
	if len(masks) > 0 {
		rows = append(append(rows, []string{"", "", ""}, []string{"# Column Masks", "", ""}), masks...)
	}
	return rows
}
