// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// create runs what follows CREATE.
func (r *run) create() (*Result, error) {
	replace := r.c.accept("OR", "REPLACE")
	switch {
	case r.c.accept("FUNCTION"):
		return r.createFunction(replace)
	case r.c.accept("VIEW"):
		return r.createView(replace)
	case replace:
		return nil, notImplemented("CREATE OR REPLACE " + strings.ToUpper(printable(r.c.peek().text)))
	case r.c.accept("CATALOG"):
		return r.createContainer(metastore.TypeCatalog)
	case r.c.accept("SCHEMA"), r.c.accept("DATABASE"):
		return r.createContainer(metastore.TypeSchema)
	case r.c.accept("TABLE"):
		return r.createTable()
	case r.c.accept("CONNECTION"):
		return r.createConnection()
	}
	return nil, notImplemented("CREATE " + strings.ToUpper(printable(r.c.peek().text)))
}

func alreadyExists(o metastore.Securable) error {
	return failure("42P07", "[%s_ALREADY_EXISTS] Cannot create `%s` because it already exists.", strings.ToUpper(o.Type), o.Name)
}

func notFound(o metastore.Securable) error {
	if o.Type == metastore.TypeTable {
		return tableNotFound(o.Name)
	}
	return failure("42704", "[%s_NOT_FOUND] The %s `%s` cannot be found.", strings.ToUpper(o.Type), o.Type, o.Name)
}

// mayCreate says whether the session may put something into a catalog or schema.
func (r *run) mayCreate(parent metastore.Securable, privilege string) error {
	if _, ok := r.engine.Store.Get(parent); !ok {
		return notFound(parent)
	}
	if parent.InSystem() {
		return insufficient(privilege, parent.Type, parent.Name)
	}
	catalog, schema, inSchema := strings.Cut(parent.Name, ".")
	if err := r.engine.may(r.session, metastore.Securable{Type: metastore.TypeCatalog, Name: catalog}, "USE_CATALOG"); err != nil {
		return err
	}
	if inSchema {
		if err := r.engine.mayUse(r.session, catalog, schema); err != nil {
			return err
		}
	}
	return r.engine.may(r.session, parent, privilege)
}

// fresh says whether an object is still to be made.
func (r *run) fresh(s metastore.Securable, ifNotExists bool) (bool, error) {
	if _, ok := r.engine.Store.Get(s); ok {
		if ifNotExists {
			return false, nil
		}
		return false, alreadyExists(s)
	}
	return true, nil
}

func (r *run) object(s metastore.Securable, comment string) metastore.Object {
	now := r.engine.now().UTC()
	return metastore.Object{Type: s.Type, Name: s.Name, Owner: r.session.Principal, Comment: comment, Created: now, Updated: now, UpdatedBy: r.session.Principal}
}

func (r *run) createContainer(kind string) (*Result, error) {
	ifNotExists := r.c.accept("IF", "NOT", "EXISTS")
	parts, err := r.c.path("a name")
	if err != nil {
		return nil, err
	}
	if kind == metastore.TypeSchema && len(parts) == 1 {
		parts = append([]string{strings.ToLower(r.session.Catalog)}, parts...)
	}
	if want := map[string]int{metastore.TypeCatalog: 1, metastore.TypeSchema: 2}[kind]; len(parts) != want || parts[0] == "" {
		return nil, syntaxError("the name has the wrong number of parts")
	}
	comment, err := r.commentClause()
	if err != nil {
		return nil, err
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	s := metastore.Securable{Type: kind, Name: strings.Join(parts, ".")}
	if kind == metastore.TypeCatalog {
		if !r.engine.Store.Directory.IsAdmin(r.session.Principal) {
			return nil, failure("42501", "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have CREATE CATALOG on the metastore.")
		}
	} else if err := r.mayCreate(s.Parent(), "CREATE_SCHEMA"); err != nil {
		return nil, err
	}
	if fresh, err := r.fresh(s, ifNotExists); !fresh || err != nil {
		return &Result{}, err
	}
	if kind == metastore.TypeSchema {
		if _, err := r.engine.db.ExecContext(r.ctx, "CREATE SCHEMA IF NOT EXISTS "+dataSchema(parts[0], parts[1])); err != nil {
			return nil, engineError(err)
		}
	}
	return &Result{}, r.engine.Store.Put(r.object(s, comment))
}

func (r *run) commentClause() (string, error) {
	if !r.c.accept("COMMENT") {
		return "", nil
	}
	return r.c.text("a comment")
}
