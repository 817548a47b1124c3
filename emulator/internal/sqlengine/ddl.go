// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// kinds are the types of securables by their keywords.
var kinds = map[string]string{
	"CATALOG": metastore.TypeCatalog, "SCHEMA": metastore.TypeSchema, "DATABASE": metastore.TypeSchema, "TABLE": metastore.TypeTable, "VIEW": metastore.TypeTable, "FUNCTION": metastore.TypeFunction,
	"CONNECTION": metastore.TypeConnection,
}

func (r *run) drop() (*Result, error) {
	kind, ok := kinds[strings.ToUpper(r.c.peek().text)]
	if !ok {
		return nil, notImplemented("DROP " + strings.ToUpper(printable(r.c.peek().text)))
	}
	view := r.c.peek().is("VIEW")
	r.c.i++
	ifExists := r.c.accept("IF", "EXISTS")
	s, err := r.named(kind)
	if err != nil {
		return nil, err
	}
	cascade := r.c.accept("CASCADE")
	r.c.accept("RESTRICT")
	if err := r.c.end(); err != nil {
		return nil, err
	}
	if _, ok := r.engine.Store.Get(s); !ok {
		if ifExists {
			return done()
		}
		return nil, notFound(s)
	}
	o, err := r.managed(s)
	if err != nil {
		return nil, err
	}
	if kind == metastore.TypeTable && view != (o.Query != "") {
		return nil, wrongKind(s.Name, map[bool]string{true: "table", false: "view"}[view])
	}
	if !cascade && r.engine.Store.HasChildren(s) {
		return nil, failure("2BP01", "[%s_NOT_EMPTY] Cannot drop `%s` because it contains objects. Use CASCADE to drop it with them.", strings.ToUpper(kind), s.Name)
	}
	if err := r.engine.Store.Drop(s); err != nil {
		return nil, err
	}
	return done()
}

// named reads a name of a kind.
func (r *run) named(kind string) (metastore.Securable, error) {
	if kind == metastore.TypeTable || kind == metastore.TypeFunction {
		full, err := r.c.full(r.session, "a name")
		return metastore.Securable{Type: kind, Name: full}, err
	}
	parts, err := r.c.path("a name")
	if err != nil {
		return metastore.Securable{}, err
	}
	if kind == metastore.TypeSchema && len(parts) == 1 {
		parts = append([]string{strings.ToLower(r.session.Catalog)}, parts...)
	}
	if (kind == metastore.TypeCatalog || kind == metastore.TypeConnection) && len(parts) != 1 || kind == metastore.TypeSchema && len(parts) != 2 {
		return metastore.Securable{}, syntaxError("the name has the wrong number of parts")
	}
	return metastore.Securable{Type: kind, Name: strings.Join(parts, ".")}, nil
}

// securable reads [TYPE] name.
func (r *run) securable() (metastore.Securable, error) {
	word := strings.ToUpper(r.c.peek().text)
	if r.c.accept("METASTORE") {
		return metastore.Root, nil
	}
	kind, ok := kinds[word]
	if !ok {
		if len(r.c.rest()) > 1 && !r.c.tokens[r.c.i+1].is(".") {
			return metastore.Securable{}, notImplemented("grants on " + printable(word))
		}
		return r.named(metastore.TypeTable)
	}
	r.c.i++
	return r.named(kind)
}

func (r *run) comment() (*Result, error) {
	s, err := r.securable()
	if err != nil {
		return nil, err
	}
	if err := r.c.expect("IS"); err != nil {
		return nil, err
	}
	comment, err := r.c.text("a comment")
	if err != nil {
		return nil, err
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	return r.change(s, func(o *metastore.Object) error { o.Comment = comment; return nil })
}

// managed is an object that the session may manage.
func (r *run) managed(s metastore.Securable) (metastore.Object, error) {
	o, ok := r.engine.Store.Get(s)
	if !ok {
		return o, notFound(s)
	}
	if !r.engine.Store.MayManage(r.session.Principal, s) {
		return o, insufficient("MANAGE", s.Type, s.Name)
	}
	return o, nil
}

// change edits an object that the session may manage.
func (r *run) change(s metastore.Securable, edit func(*metastore.Object) error) (*Result, error) {
	o, err := r.managed(s)
	if err != nil {
		return nil, err
	}
	o.Columns = slices.Clone(o.Columns)
	if err := edit(&o); err != nil {
		return nil, err
	}
	o.Updated, o.UpdatedBy = r.engine.now().UTC(), r.session.Principal
	return &Result{}, r.engine.Store.Put(o)
}
