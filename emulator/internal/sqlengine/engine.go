// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/upstream"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Statement is one statement with what it binds.
type Statement struct {
	SQL    string
	Params []Param
	// RowLimit and ByteLimit bound what is returned; 0 is no limit.
	RowLimit, ByteLimit int64
}

// Engine runs statements. It is safe for concurrent use.
type Engine struct {
	Store *metastore.Store
	db    *sql.DB
	// HTTP makes the calls of http_request(). Open sets one with the system's authorities.
	HTTP *upstream.Client
	// Secrets are what secret() reads; nil has none.
	Secrets Secrets
	// calls are the statements that may make HTTP calls now, by id.
	calls sync.Map
	// now is the clock of current_timestamp().
	now func() time.Time
	// mu lets a statement that changes objects or rows run alone.
	mu sync.RWMutex
}

// Open makes an engine that keeps rows in a folder, or in memory if dir is empty.
func Open(dir string, store *metastore.Store) (*Engine, error) {
	rows := ":memory:"
	if dir != "" {
		rows = filepath.Join(dir, "rows.duckdb")
	}
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("start the SQL engine: %w", err)
	}
	e := &Engine{Store: store, db: sql.OpenDB(connector), now: time.Now, HTTP: upstream.New(upstream.Options{})}
	for _, s := range []string{
		"ATTACH " + literal(rows) + " AS " + dataCatalog,
		"SET default_null_order='nulls_first_on_asc_last_on_desc'",
		"SET enable_external_access=false",
		"SET autoinstall_known_extensions=false",
		"SET autoload_known_extensions=false",
		"SET lock_configuration=true",
	} {
		if _, err := e.db.Exec(s); err != nil {
			return nil, errors.Join(fmt.Errorf("start the SQL engine: %w", err), e.Close())
		}
	}
	if err := e.registerHTTP(context.Background()); err != nil {
		return nil, errors.Join(fmt.Errorf("start the SQL engine: %w", err), e.Close())
	}
	return e, nil
}

// Close lets go of the rows.
func (e *Engine) Close() error { return e.db.Close() }

// Execute runs a statement as a session. An error is a *StatementError when the
// statement is at fault, and the context's when that ended it.
func (e *Engine) Execute(ctx context.Context, s Session, st Statement) (*Result, error) {
	tokens, err := tokenize(st.SQL)
	if err != nil {
		return nil, err
	}
	if n := len(tokens); n > 0 && tokens[n-1].is(";") {
		tokens = tokens[:n-1]
	}
	if len(tokens) == 0 {
		return nil, syntaxError("the statement is empty")
	}
	for _, t := range tokens {
		if t.kind == tokenSymbol && t.text == ";" {
			return nil, syntaxError("only one statement may be sent")
		}
	}
	run := &run{ctx: ctx, engine: e, session: s, statement: st, c: &cursor{tokens: tokens}}
	defer run.beginCalls()()
	result, err := run.dispatch()
	err = run.http.because(err)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if refused, ok := errors.AsType[*wire.Error](err); ok && refused.Status == http.StatusForbidden {
		err = failure("42501", "[INSUFFICIENT_PERMISSIONS] %s", refused.Message)
	}
	return result, err
}

// run is one execution.
type run struct {
	ctx       context.Context
	engine    *Engine
	session   Session
	statement Statement
	c         *cursor
	// http are the HTTP calls that the statement makes.
	http *httpCalls
}

// rewriter secures trees for the session.
func (r *run) rewriter() *rewriter {
	return &rewriter{ctx: r.ctx, engine: r.engine, session: r.session, params: r.statement.Params, http: r.http}
}

func (r *run) dispatch() (*Result, error) {
	first := r.c.peek()
	switch {
	case first.is("SELECT"), first.is("WITH"), first.is("VALUES"), first.is("("):
		r.engine.mu.RLock()
		defer r.engine.mu.RUnlock()
		return r.query()
	case first.is("SHOW"), first.is("DESCRIBE"), first.is("DESC"):
		r.engine.mu.RLock()
		defer r.engine.mu.RUnlock()
		return r.show()
	}
	r.engine.mu.Lock()
	defer r.engine.mu.Unlock()
	switch {
	case r.c.accept("CREATE"):
		return r.create()
	case r.c.accept("DROP"):
		return r.drop()
	case r.c.accept("ALTER", "TABLE"):
		return r.alterTable()
	case r.c.accept("COMMENT", "ON"):
		return r.comment()
	case r.c.accept("GRANT"):
		return r.grant(true)
	case r.c.accept("REVOKE"):
		return r.grant(false)
	case r.c.accept("INSERT", "INTO"):
		return r.insert()
	case r.c.accept("UPDATE"):
		return r.update()
	case r.c.accept("DELETE", "FROM"):
		return r.remove()
	case r.c.accept("MERGE", "INTO"):
		return r.merge()
	case r.c.accept("USE"):
		return r.use()
	}
	if first.kind != tokenWord {
		return nil, syntaxError("a statement must begin with a keyword")
	}
	return nil, notImplemented("the statement " + strings.ToUpper(printable(first.text)))
}

// bound are the parameters that a text uses, by name.
func bound(tokens []token, params []Param) []any {
	var out []any
	for _, p := range params {
		for _, t := range tokens {
			if t.kind == tokenParam && t.text == p.Name {
				var value driver.Value
				if p.Value != nil {
					value = *p.Value
				}
				out = append(out, sql.Named(p.Name, value))
				break
			}
		}
	}
	return out
}

// dataSchema is where the rows of a schema are kept.
func dataSchema(catalog, schema string) string { return dataCatalog + "." + name(catalog+"."+schema) }

// dataName is where the rows of a table are kept.
func dataName(full string) string {
	parts := strings.SplitN(full, ".", 3)
	return dataSchema(parts[0], parts[1]) + "." + name(parts[2])
}
