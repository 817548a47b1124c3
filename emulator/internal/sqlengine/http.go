// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/google/uuid"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/upstream"
)

// httpFunction is what http_request() becomes; callers cannot write its name.
const httpFunction = "__gh_http_request"

// maxCalls bounds how many requests one statement may make. Databricks limits the
// rate without saying how; this bound is the emulator's.
const maxCalls = 100

// httpParameters are those of http_request(), of which the first three are mandatory.
var httpParameters = []string{"conn", "method", "path", "params", "headers", "json"}

// httpCalls are the calls of one statement. Its id is a secret of the statement.
type httpCalls struct {
	ctx context.Context
	id  string
	mu  sync.Mutex
	n   int
	// connections are those the statement was permitted to use, by position.
	connections []metastore.Object
	err         error
}

// failed keeps the first error: DuckDB's own would not be told to anybody.
func (h *httpCalls) failed(err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.err = err
	}
	return err
}

// because is why a statement failed: an HTTP call, if one did.
func (h *httpCalls) because(err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && h.err != nil {
		return h.err
	}
	return err
}

// httpRequest secures a call of http_request(): the connection must be named by a
// constant, and whoever the expression runs as must have USE CONNECTION on it.
func (r *rewriter) httpRequest(n node, children []any) (any, error) {
	given := map[string]any{}
	for _, c := range children {
		child, _ := c.(node)
		key := strings.ToLower(text(child, "alias"))
		if !slices.Contains(httpParameters, key) {
			return nil, failure("4274K", "[UNRECOGNIZED_PARAMETER_NAME] Cannot invoke routine `http_request` because it takes the named arguments conn, method, path, params, headers and json.")
		}
		if _, twice := given[key]; twice {
			return nil, failure("4274K", "[DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE] Call to routine `http_request` is invalid because it includes multiple argument assignments to the same parameter name `%s`.", key)
		}
		child["alias"] = ""
		given[key] = child
	}
	for _, key := range httpParameters[:3] {
		if given[key] == nil {
			return nil, failure("4274K", "[REQUIRED_PARAMETER_NOT_FOUND] Cannot invoke routine `http_request` because the parameter named `%s` is required.", key)
		}
	}
	connection, ok := r.foldable(given["conn"])
	if !ok {
		return nil, failure("42K08", "[NON_FOLDABLE_ARGUMENT] The function `http_request` requires the parameter `conn` to be a foldable expression of the type \"STRING\".")
	}
	o, err := r.connection(strings.ToLower(connection))
	if err != nil {
		return nil, err
	}
	r.http.connections = append(r.http.connections, o)
	optional := func(key, otherwise string) any {
		if v := given[key]; v != nil {
			return v
		}
		null, _ := r.expression(otherwise) //nolint:errcheck // a constant of our own
		return null
	}
	call := fmt.Sprintf(`from_json(%s(%s, %d, CAST($1 AS VARCHAR), CAST($2 AS VARCHAR), to_json(CAST($3 AS MAP(VARCHAR, VARCHAR))), to_json(CAST($4 AS MAP(VARCHAR, VARCHAR))), CAST($5 AS VARCHAR)), '{"status_code":"INTEGER","text":"VARCHAR"}')`,
		httpFunction, literal(r.http.id), len(r.http.connections)-1)
	out, err := r.fill(call, []any{given["method"], given["path"], optional("params", "NULL"), optional("headers", "NULL"), optional("json", "NULL")})
	return keepAlias(n, out), err
}

// connection is a connection that the expression may use.
func (r *rewriter) connection(name string) (metastore.Object, error) {
	s := metastore.Securable{Type: metastore.TypeConnection, Name: name}
	o, ok := r.engine.Store.Get(s)
	if !ok || !plainName(name) {
		return o, failure("42704", "[CONNECTION_NAME_NOT_FOUND] Cannot find connection `%s`.", printable(name))
	}
	return o, r.engine.may(r.rights(), s, "USE_CONNECTION")
}

// foldable is the value of a string that does not depend on a row.
func (r *rewriter) foldable(v any) (string, bool) {
	n, _ := v.(node)
	for n["class"] == "CAST" {
		n, _ = n["child"].(node)
	}
	switch n["class"] {
	case "CONSTANT":
		value, _ := n["value"].(node)
		s, ok := value["value"].(string)
		return s, ok
	case "PARAMETER":
		i := slices.IndexFunc(r.params, func(p Param) bool { return p.Name == text(n, "identifier") })
		if i >= 0 && r.params[i].Value != nil {
			return *r.params[i].Value, true
		}
	}
	return "", false
}

// httpScalar is http_request() as DuckDB calls it, for every row.
type httpScalar struct{ engine *Engine }

// Config describes the function.
func (f httpScalar) Config() duckdb.ScalarFuncConfig {
	text, _ := duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR)
	number, _ := duckdb.NewTypeInfo(duckdb.TYPE_INTEGER)
	return duckdb.ScalarFuncConfig{
		InputTypeInfos: []duckdb.TypeInfo{text, number, text, text, text, text, text}, ResultTypeInfo: text, Volatile: true, SpecialNullHandling: true,
	}
}

// Executor calls it.
func (f httpScalar) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{RowExecutor: f.call}
}

func (f httpScalar) call(values []driver.Value) (any, error) {
	id, _ := values[0].(string)
	position, _ := values[1].(int32)
	found, ok := f.engine.calls.Load(id)
	if !ok {
		return nil, errors.New("not a statement that makes calls")
	}
	h, _ := found.(*httpCalls)
	h.mu.Lock()
	h.n++
	n := h.n
	h.mu.Unlock()
	if int(position) < 0 || int(position) >= len(h.connections) {
		return nil, errors.New("not a connection of the statement")
	}
	if n > maxCalls {
		return nil, h.failed(failure("54000", "[HTTP_REQUEST_LIMIT_EXCEEDED] A statement may make at most %d HTTP requests.", maxCalls))
	}
	call, err := callOf(values[2:])
	if err != nil {
		return nil, h.failed(err)
	}
	answer, err := f.engine.HTTP.Do(h.ctx, h.connections[position], call)
	switch {
	case errors.Is(err, upstream.ErrInvalid):
		return nil, h.failed(failure("22023", "[INVALID_PARAMETER_VALUE.HTTP_REQUEST] The HTTP request is not valid: the method must be GET, POST, PUT, PATCH or DELETE, and the path must stay below the connection's, without `..`, a host, a query or control characters; headers must not be the connection's own."))
	case err != nil:
		return nil, h.failed(failure("57012", "[REMOTE_FUNCTION_HTTP_FAILED_ERROR] The remote HTTP request failed: %v.", err))
	}
	raw, err := json.Marshal(map[string]any{"status_code": answer.Status, "text": answer.Text})
	return string(raw), err
}

// callOf reads method, path, parameters, headers and body.
func callOf(values []driver.Value) (upstream.Call, error) {
	method, ok := values[0].(string)
	path, also := values[1].(string)
	if !ok || !also {
		return upstream.Call{}, failure("22004", "[HTTP_REQUEST_NULL_ARGUMENT] The method and the path of an HTTP request must not be NULL.")
	}
	call := upstream.Call{Method: strings.ToUpper(method), Path: path}
	for i, into := range []*map[string]string{&call.Params, &call.Headers} {
		if raw, ok := values[2+i].(string); ok {
			if err := json.Unmarshal([]byte(raw), into); err != nil {
				return call, failure("42K09", "[DATATYPE_MISMATCH] The parameters and headers of an HTTP request must be MAP<STRING, STRING>.")
			}
		}
	}
	if body, ok := values[4].(string); ok {
		call.JSON = &body
	}
	return call, nil
}

// registerHTTP makes the function known to DuckDB.
func (e *Engine) registerHTTP(ctx context.Context) error {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // goes back to the pool
	return duckdb.RegisterScalarUDF(conn, httpFunction, httpScalar{e})
}

// beginCalls lets a statement make calls until the function that is returned is called.
func (r *run) beginCalls() func() {
	r.http = &httpCalls{ctx: r.ctx, id: uuid.NewString()}
	r.engine.calls.Store(r.http.id, r.http)
	return func() { r.engine.calls.Delete(r.http.id) }
}
