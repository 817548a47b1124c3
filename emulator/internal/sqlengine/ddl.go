// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"errors"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/uc"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
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
		return r.createContainer(uc.TypeCatalog)
	case r.c.accept("SCHEMA"), r.c.accept("DATABASE"):
		return r.createContainer(uc.TypeSchema)
	case r.c.accept("TABLE"):
		return r.createTable()
	case r.c.accept("CONNECTION"):
		return r.createConnection()
	}
	return nil, notImplemented("CREATE " + strings.ToUpper(printable(r.c.peek().text)))
}

func alreadyExists(o uc.Securable) error {
	return failure("42P07", "[%s_ALREADY_EXISTS] Cannot create `%s` because it already exists.", strings.ToUpper(o.Type), o.Name)
}

func notFound(o uc.Securable) error {
	if o.Type == uc.TypeTable {
		return tableNotFound(o.Name)
	}
	return failure("42704", "[%s_NOT_FOUND] The %s `%s` cannot be found.", strings.ToUpper(o.Type), o.Type, o.Name)
}

// mayCreate says whether the session may put something into a catalog or schema.
func (r *run) mayCreate(parent uc.Securable, privilege string) error {
	if _, ok := r.engine.Store.Get(parent); !ok {
		return notFound(parent)
	}
	if parent.InSystem() {
		return insufficient(privilege, parent.Type, parent.Name)
	}
	catalog, schema, inSchema := strings.Cut(parent.Name, ".")
	if err := r.engine.may(r.session, uc.Securable{Type: uc.TypeCatalog, Name: catalog}, "USE_CATALOG"); err != nil {
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
func (r *run) fresh(s uc.Securable, ifNotExists bool) (bool, error) {
	if _, ok := r.engine.Store.Get(s); ok {
		if ifNotExists {
			return false, nil
		}
		return false, alreadyExists(s)
	}
	return true, nil
}

func (r *run) object(s uc.Securable, comment string) uc.Object {
	now := r.engine.now().UTC()
	return uc.Object{Type: s.Type, Name: s.Name, Owner: r.session.Principal, Comment: comment, Created: now, Updated: now, UpdatedBy: r.session.Principal}
}

func (r *run) createContainer(kind string) (*Result, error) {
	ifNotExists := r.c.accept("IF", "NOT", "EXISTS")
	parts, err := r.c.path("a name")
	if err != nil {
		return nil, err
	}
	if kind == uc.TypeSchema && len(parts) == 1 {
		parts = append([]string{strings.ToLower(r.session.Catalog)}, parts...)
	}
	if want := map[string]int{uc.TypeCatalog: 1, uc.TypeSchema: 2}[kind]; len(parts) != want || parts[0] == "" {
		return nil, syntaxError("the name has the wrong number of parts")
	}
	comment, err := r.commentClause()
	if err != nil {
		return nil, err
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	s := uc.Securable{Type: kind, Name: strings.Join(parts, ".")}
	if kind == uc.TypeCatalog {
		if !r.engine.Store.Directory.IsAdmin(r.session.Principal) {
			return nil, failure("42501", "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have CREATE CATALOG on the metastore.")
		}
	} else if err := r.mayCreate(s.Parent(), "CREATE_SCHEMA"); err != nil {
		return nil, err
	}
	if fresh, err := r.fresh(s, ifNotExists); !fresh || err != nil {
		return &Result{}, err
	}
	if kind == uc.TypeSchema {
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

func (r *run) createTable() (*Result, error) {
	ifNotExists := r.c.accept("IF", "NOT", "EXISTS")
	full, err := r.c.full(r.session, "a table")
	if err != nil {
		return nil, err
	}
	s := uc.Securable{Type: uc.TypeTable, Name: full}
	if !r.c.peek().is("(") {
		return nil, notImplemented("CREATE TABLE without a list of columns")
	}
	columns, err := r.columns(true)
	if err != nil {
		return nil, err
	}
	comment, err := r.tableClauses()
	if err != nil {
		return nil, err
	}
	if err := r.mayCreate(s.Parent(), "CREATE_TABLE"); err != nil {
		return nil, err
	}
	if fresh, err := r.fresh(s, ifNotExists); !fresh || err != nil {
		return &Result{}, err
	}
	o := r.object(s, comment)
	o.Columns = columns
	if err := r.engine.makeRows(r.ctx, "CREATE OR REPLACE TABLE ", o); err != nil {
		return nil, err
	}
	return &Result{}, r.engine.Store.Put(o)
}

// tableClauses reads what may follow the columns of a table.
func (r *run) tableClauses() (comment string, err error) {
	for r.c.peek() != (token{kind: tokenSymbol}) {
		switch {
		case r.c.accept("USING", "DELTA"):
		case r.c.peek().is("COMMENT"):
			if comment, err = r.commentClause(); err != nil {
				return "", err
			}
		case r.c.accept("TBLPROPERTIES", "("):
			r.c.until()
			if err := r.c.expect(")"); err != nil {
				return "", err
			}
		default:
			return "", notImplemented("the table clause " + strings.ToUpper(printable(r.c.peek().text)))
		}
	}
	return comment, nil
}

// columns reads columns of a table, or parameters of a function, in parentheses.
func (r *run) columns(ofTable bool) ([]uc.Column, error) {
	if err := r.c.expect("("); err != nil {
		return nil, err
	}
	var out []uc.Column
	if !ofTable && r.c.accept(")") {
		return nil, nil
	}
	for {
		column, err := r.c.identifier("a column")
		if err != nil {
			return nil, err
		}
		c := uc.Column{Name: strings.ToLower(column)}
		if c.Type, err = r.c.typeName(); err != nil {
			return nil, err
		}
		c.NotNull = ofTable && r.c.accept("NOT", "NULL")
		if c.Comment, err = r.commentClause(); err != nil {
			return nil, err
		}
		for _, other := range out {
			if other.Name == c.Name {
				return nil, failure("42711", "[COLUMN_ALREADY_EXISTS] The column `%s` already exists.", c.Name)
			}
		}
		out = append(out, c)
		if r.c.accept(")") {
			return out, nil
		}
		if err := r.c.expect(","); err != nil {
			return nil, err
		}
	}
}

func (r *run) createFunction(replace bool) (*Result, error) {
	ifNotExists := r.c.accept("IF", "NOT", "EXISTS")
	full, err := r.c.full(r.session, "a function")
	if err != nil {
		return nil, err
	}
	s := uc.Securable{Type: uc.TypeFunction, Name: full}
	o := r.object(s, "")
	if o.Columns, err = r.columns(false); err != nil {
		return nil, err
	}
	if err := r.functionClauses(&o); err != nil {
		return nil, err
	}
	if err := r.mayCreate(s.Parent(), "CREATE_FUNCTION"); err != nil {
		return nil, err
	}
	if !replace {
		if fresh, err := r.fresh(s, ifNotExists); !fresh || err != nil {
			return &Result{}, err
		}
	} else if old, ok := r.engine.Store.Get(s); ok {
		if old.Owner != r.session.Principal && !r.engine.Store.MayManage(r.session.Principal, s) {
			return nil, insufficient("MANAGE", s.Type, s.Name)
		}
		o.Owner = old.Owner
	}
	if err := r.tryBody(o); err != nil {
		return nil, err
	}
	return &Result{}, r.engine.Store.Put(o)
}

// functionClauses reads what stands between the parameters and the end.
func (r *run) functionClauses(o *uc.Object) (err error) {
	for {
		switch {
		case r.c.accept("RETURNS", "TABLE"):
			o.Returns = tableType
			if o.Table, err = r.columns(false); err != nil {
				return err
			}
			if len(o.Table) == 0 {
				return notImplemented("RETURNS TABLE without columns")
			}
		case r.c.accept("RETURNS"):
			if o.Returns, err = r.c.typeName(); err != nil {
				return err
			}
		case r.c.accept("LANGUAGE", "SQL"), r.c.accept("DETERMINISTIC"), r.c.accept("READS", "SQL", "DATA"), r.c.accept("CONTAINS", "SQL"):
		case r.c.peek().is("COMMENT"):
			if o.Comment, err = r.commentClause(); err != nil {
				return err
			}
		case r.c.accept("RETURN"):
			if o.Body = source(r.c.rest()); o.Body == "" {
				return syntaxError("expected an expression after RETURN")
			}
			if o.Returns == "" {
				return notImplemented("a function without RETURNS")
			}
			return nil
		default:
			return notImplemented("the function clause " + strings.ToUpper(printable(r.c.peek().text)))
		}
	}
}

// tryBody refuses a function that could never run, or that reads what its maker may not.
func (r *run) tryBody(o uc.Object) error {
	w := r.rewriter()
	w.params, w.arguments = nil, map[string]node{}
	parts := strings.SplitN(o.Name, ".", 3)
	w.session.Catalog, w.session.Schema = parts[0], parts[1]
	for _, p := range o.Columns {
		null, err := w.expression("CAST(NULL AS " + duckType(p.Type) + ")")
		if err != nil {
			return err
		}
		w.arguments[p.Name] = null
	}
	if o.Returns == tableType {
		return r.tryTable(w, o)
	}
	body, err := w.body(o)
	if err != nil {
		return err
	}
	text, err := r.engine.scalarText(r.ctx, body)
	if err != nil {
		return err
	}
	rows, err := r.engine.db.QueryContext(r.ctx, "SELECT "+text+" WHERE false")
	if err != nil {
		return engineError(err)
	}
	defer rows.Close() //nolint:errcheck // there are none
	return rows.Err()
}

// tryTable is tryBody for a function that returns a table.
func (r *run) tryTable(w *rewriter, o uc.Object) error {
	from, err := w.tableBody(o)
	if err != nil {
		return err
	}
	tree, err := r.engine.parse(r.ctx, "SELECT * FROM (SELECT 1) AS t WHERE false")
	if err != nil {
		return err
	}
	from["alias"] = "t"
	tree["from_table"] = from
	text, err := r.engine.unparse(r.ctx, tree)
	if err != nil {
		return err
	}
	rows, err := r.engine.db.QueryContext(r.ctx, text)
	if err != nil {
		return engineError(err)
	}
	defer rows.Close() //nolint:errcheck // there are none
	return rows.Err()
}

func (r *run) drop() (*Result, error) {
	kinds := map[string]string{"CATALOG": uc.TypeCatalog, "SCHEMA": uc.TypeSchema, "DATABASE": uc.TypeSchema, "TABLE": uc.TypeTable, "VIEW": uc.TypeTable, "FUNCTION": uc.TypeFunction, "CONNECTION": uc.TypeConnection}
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
	if !r.engine.Store.MayManage(r.session.Principal, s) {
		return nil, insufficient("MANAGE", s.Type, s.Name)
	}
	if o, _ := r.engine.Store.Get(s); kind == uc.TypeTable && view != (o.Query != "") {
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
func (r *run) named(kind string) (uc.Securable, error) {
	if kind == uc.TypeTable || kind == uc.TypeFunction {
		full, err := r.c.full(r.session, "a name")
		return uc.Securable{Type: kind, Name: full}, err
	}
	parts, err := r.c.path("a name")
	if err != nil {
		return uc.Securable{}, err
	}
	if kind == uc.TypeSchema && len(parts) == 1 {
		parts = append([]string{strings.ToLower(r.session.Catalog)}, parts...)
	}
	if (kind == uc.TypeCatalog || kind == uc.TypeConnection) && len(parts) != 1 || kind == uc.TypeSchema && len(parts) != 2 {
		return uc.Securable{}, syntaxError("the name has the wrong number of parts")
	}
	return uc.Securable{Type: kind, Name: strings.Join(parts, ".")}, nil
}

// securable reads [TYPE] name.
func (r *run) securable() (uc.Securable, error) {
	kinds := map[string]string{
		"CATALOG": uc.TypeCatalog, "SCHEMA": uc.TypeSchema, "DATABASE": uc.TypeSchema, "TABLE": uc.TypeTable, "VIEW": uc.TypeTable, "FUNCTION": uc.TypeFunction,
		"CONNECTION": uc.TypeConnection,
	}
	word := strings.ToUpper(r.c.peek().text)
	if r.c.accept("METASTORE") {
		return uc.Metastore, nil
	}
	kind, ok := kinds[word]
	if !ok {
		if len(r.c.rest()) > 1 && !r.c.tokens[r.c.i+1].is(".") {
			return uc.Securable{}, notImplemented("grants on " + printable(word))
		}
		return r.named(uc.TypeTable)
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
	return r.change(s, func(o *uc.Object) error { o.Comment = comment; return nil })
}

// change edits an object that the session may manage.
func (r *run) change(s uc.Securable, edit func(*uc.Object) error) (*Result, error) {
	o, ok := r.engine.Store.Get(s)
	if !ok {
		return nil, notFound(s)
	}
	if !r.engine.Store.MayManage(r.session.Principal, s) {
		return nil, insufficient("MANAGE", s.Type, s.Name)
	}
	if err := edit(&o); err != nil {
		return nil, err
	}
	o.Updated, o.UpdatedBy = r.engine.now().UTC(), r.session.Principal
	return &Result{}, r.engine.Store.Put(o)
}

// grant runs GRANT privileges ON object TO principal, and REVOKE ... FROM.
func (r *run) grant(give bool) (*Result, error) {
	var privileges []string
	for {
		var words []string
		for r.c.peek().kind == tokenWord && !r.c.peek().is("ON") {
			words = append(words, strings.ToUpper(r.c.peek().text))
			r.c.i++
		}
		if len(words) == 0 {
			return nil, syntaxError("expected a privilege")
		}
		privileges = append(privileges, strings.Join(words, "_"))
		if r.c.accept("ON") {
			break
		}
		if err := r.c.expect(","); err != nil {
			return nil, err
		}
	}
	s, err := r.securable()
	if err != nil {
		return nil, err
	}
	to := map[bool]string{true: "TO", false: "FROM"}[give]
	if err := r.c.expect(to); err != nil {
		return nil, err
	}
	t := r.c.peek()
	if t.kind != tokenWord && t.kind != tokenQuoted {
		return nil, syntaxError("expected a principal")
	}
	r.c.i++
	if err := r.c.end(); err != nil {
		return nil, err
	}
	if _, ok := r.engine.Store.Get(s); !ok {
		return nil, notFound(s)
	}
	if !r.engine.Store.MayManage(r.session.Principal, s) {
		return nil, insufficient("MANAGE", s.Type, s.Name)
	}
	change := uc.Change{Principal: t.text, Remove: privileges}
	if give {
		change = uc.Change{Principal: t.text, Add: privileges}
	}
	if err := r.engine.Store.Apply(s, []uc.Change{change}); err != nil {
		if refused, ok := errors.AsType[*wire.Error](err); ok {
			return nil, failure("42000", "[%s] %s", refused.Code, refused.Message)
		}
		return nil, err
	}
	return done()
}
