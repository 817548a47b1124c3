// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// may says whether a session holds a privilege.
func (e *Engine) may(s Session, object metastore.Securable, privilege string) error {
	if e.Store.Holds(s.Principal, object, privilege) {
		return nil
	}
	return insufficient(privilege, object.Type, object.Name)
}

// mayUse says whether a session may look into a schema at all.
func (e *Engine) mayUse(s Session, catalog, schema string) error {
	for _, o := range []struct {
		securable metastore.Securable
		privilege string
	}{
		{metastore.Securable{Type: metastore.TypeCatalog, Name: catalog}, "USE_CATALOG"},
		{metastore.Securable{Type: metastore.TypeSchema, Name: catalog + "." + schema}, "USE_SCHEMA"},
	} {
		if _, ok := e.Store.Get(o.securable); !ok {
			return tableNotFound(o.securable.Name)
		}
		if err := e.may(s, o.securable, o.privilege); err != nil {
			return err
		}
	}
	return nil
}

// mayTouch says whether a session holds a privilege on a table and may reach it.
func (e *Engine) mayTouch(s Session, full, privilege string) error {
	parts := strings.SplitN(full, ".", 3)
	if err := e.mayUse(s, parts[0], parts[1]); err != nil {
		return err
	}
	object := metastore.Securable{Type: metastore.TypeTable, Name: full}
	o, ok := e.Store.Get(object)
	if !ok {
		return tableNotFound(full)
	}
	if o.Index {
		return notImplemented("SQL over a vector search index")
	}
	if object.InSystem() && privilege != "SELECT" {
		return insufficient(privilege, object.Type, full)
	}
	if err := e.may(s, object, privilege); err != nil {
		return err
	}
	if o.Query != "" && privilege == "MODIFY" {
		return wrongKind(full, "view")
	}
	return nil
}

func (e *Engine) mayRead(s Session, full string) error { return e.mayTouch(s, full, "SELECT") }
