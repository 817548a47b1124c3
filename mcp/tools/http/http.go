// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package http runs tools that call an external API through a connection of Unity Catalog.
package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// Options are what an Executor is made of.
type Options struct {
	Tool      access.HTTPTool
	Warehouse tools.Warehouse
}

// Executor calls an external API through a connection of Unity Catalog. The SQL
// engine makes the request, so that neither the pod nor the caller's role ever holds
// the credential. Connection and method are the tool's; all else is bound.
//
//	arguments --an operation, or the allow-list--> method, path, query, body --http_request()--> status, text
type Executor struct {
	tools.StandardTimeout
	warehouse tools.Warehouse
	tool      access.HTTPTool
}

// New makes an Executor.
func New(o Options) (*Executor, error) {
	if err := o.Warehouse.Validate(); err != nil {
		return nil, err
	}
	return &Executor{warehouse: o.Warehouse, tool: o.Tool}, nil
}

// request is one request to an external API.
type request struct {
	method, path string
	// query is sorted by name.
	query []pair
	body  *string
	rows  *access.HTTPRows
}

type pair struct{ name, value string }

var (
	connectionPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,254}$`)
	queryNamePattern  = regexp.MustCompile(`^[!-~]{1,64}$`)
	methods           = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
)

// Run makes the request that the arguments ask for.
func (e *Executor) Run(ctx context.Context, c tools.Call, args tools.Arguments) (*tools.Output, error) {
	r, err := e.request(args)
	if err != nil {
		return nil, err
	}
	statement, params, err := e.statement(r)
	if err != nil {
		return nil, err
	}
	c.Repeatable = c.Repeatable && r.method == "GET"
	result, err := e.warehouse.Query(ctx, c, wire.StatementRequest{Statement: statement, Params: params, RowLimit: 1})
	if err != nil {
		return nil, r.failure(err)
	}
	status, text, err := answerOf(result)
	if err != nil {
		return nil, err
	}
	if r.rows == nil {
		return &tools.Output{Response: response(status, text, int(e.tool.MaxResponseBytes))}, nil
	}
	return shaped(*r.rows, status, text, int(e.tool.MaxResponseBytes))
}

// request is what the arguments ask for, checked.
func (e *Executor) request(args tools.Arguments) (request, error) {
	if len(e.tool.Allow) > 0 && len(e.tool.Operations) == 0 {
		return e.chosen(args)
	}
	o, err := e.operation(args)
	if err != nil {
		return request{}, err
	}
	r := request{method: o.Method, rows: o.Rows}
	if r.path, err = filled(o.Path, args); err != nil {
		return r, err
	}
	for _, q := range o.Query {
		value, ok := q.Value, true
		if q.Argument != "" {
			value, ok = args.Text(q.Argument)
		}
		if ok && strings.ContainsFunc(value, unicode.IsControl) {
			return r, tools.Errorf(tools.CodeInvalidArgument, "`%s` must not contain control characters", q.Argument)
		}
		if ok {
			r.query = append(r.query, pair{q.Name, value})
		}
	}
	if o.BodyArgument != "" {
		r.body, err = e.body(o.BodyArgument, o.Method, args)
	}
	return r, err
}

// operation is the only one, or the one that an argument names.
func (e *Executor) operation(args tools.Arguments) (access.HTTPOperation, error) {
	if e.tool.OperationArgument == "" && len(e.tool.Operations) == 1 {
		return e.tool.Operations[0], nil
	}
	name, _ := args.Text(e.tool.OperationArgument)
	var names []string
	for _, o := range e.tool.Operations {
		if o.Name == name && name != "" {
			return o, nil
		}
		names = append(names, "'"+o.Name+"'")
	}
	return access.HTTPOperation{}, tools.Errorf(tools.CodeInvalidArgument, "`%s` must be one of %s", e.tool.OperationArgument, strings.Join(names, ", "))
}

// chosen is a request that the caller made up, within the allow-list.
func (e *Executor) chosen(args tools.Arguments) (request, error) {
	var r request
	r.method, _ = args.Text("method")
	given, _ := args.Text("path")
	var ok bool
	if r.path, ok = pathOf(given); !ok {
		return r, tools.Errorf(tools.CodeInvalidArgument, "`path` %s; allowed are %s", pathRule, e.routes())
	}
	if !slices.ContainsFunc(e.tool.Allow, func(a access.HTTPRoute) bool { return allowed(a, r.method, r.path) }) {
		return r, tools.Errorf(tools.CodeInvalidArgument, "`method` and `path` must be one of %s", e.routes())
	}
	query, _ := args["query"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(query)) {
		value, ok := tools.Arguments(query).Text(name)
		switch {
		case !queryNamePattern.MatchString(name):
			return r, tools.Errorf(tools.CodeInvalidArgument, "`query` must have names of 1 to 64 visible ASCII characters")
		case !ok:
			return r, tools.Errorf(tools.CodeInvalidArgument, "`query` must have values that are strings")
		case strings.ContainsFunc(value, unicode.IsControl):
			return r, tools.Errorf(tools.CodeInvalidArgument, "`query` must not contain control characters")
		}
		r.query = append(r.query, pair{name, value})
	}
	var err error
	r.body, err = e.body("body", r.method, args)
	return r, err
}

func (e *Executor) routes() string {
	out := make([]string, len(e.tool.Allow))
	for i, a := range e.tool.Allow {
		out[i] = a.Method + " " + a.Path
	}
	return strings.Join(out, ", ")
}

// body is the JSON text of an argument, or nil when it is absent.
func (e *Executor) body(argument, method string, args tools.Arguments) (*string, error) {
	text, ok := args.Text(argument)
	switch {
	case !ok:
		return nil, nil //nolint:nilnil // absent is no body
	case method == "GET":
		return nil, tools.Errorf(tools.CodeInvalidArgument, "`%s` must be left out: GET has no body", argument)
	case len(text) > int(e.tool.MaxRequestBytes):
		return nil, tools.Errorf(tools.CodeInvalidArgument, "`%s` must have at most %d bytes", argument, e.tool.MaxRequestBytes)
	case !json.Valid([]byte(text)):
		return nil, tools.Errorf(tools.CodeInvalidArgument, "`%s` must be a JSON text", argument)
	}
	return &text, nil
}

// statement is the call of http_request() with everything of the caller's bound. What
// is written into it is held against its pattern here, whoever checked it before.
func (e *Executor) statement(r request) (string, []wire.Param, error) {
	switch {
	case !connectionPattern.MatchString(e.tool.Connection):
		return "", nil, tools.BadTool("a connection whose name cannot be used")
	case !slices.Contains(methods, r.method):
		return "", nil, tools.BadTool("a method that cannot be used")
	case !sentPattern.MatchString(r.path) || slices.ContainsFunc(strings.Split(r.path, "/"), func(s string) bool { return s == "." || s == ".." }):
		return "", nil, tools.BadTool("a path that cannot be used")
	}
	var params []wire.Param
	bind := func(name, value string) string {
		params = append(params, wire.Param{Name: name, Value: &value, Type: "STRING"})
		return ":" + name
	}
	arguments := []string{"conn => '" + e.tool.Connection + "'", "method => '" + r.method + "'", "path => " + bind("path", r.path)}
	if len(r.query) > 0 {
		entries := make([]string, 0, 2*len(r.query))
		for i, q := range r.query {
			entries = append(entries, bind(fmt.Sprintf("n%d", i), q.name), bind(fmt.Sprintf("q%d", i), q.value))
		}
		arguments = append(arguments, "params => map("+strings.Join(entries, ", ")+")")
	}
	arguments = append(arguments, "headers => map('Accept', 'application/json')")
	if r.body != nil {
		arguments = append(arguments, "json => "+bind("body", *r.body))
	}
	return "SELECT r.status_code, r.text FROM (SELECT http_request(" + strings.Join(arguments, ", ") + ") AS r)", params, nil
}

// failure adds, where it matters, that the request may have been made all the same:
// whether it was is only known from an answer.
func (r request) failure(err error) error {
	own, ok := errors.AsType[*tools.Error](err)
	if !ok || r.method == "GET" || !slices.Contains([]tools.Code{tools.CodeDeadlineExceeded, tools.CodeUpstreamUnavailable, tools.CodeUpstreamError}, own.Code) {
		return err
	}
	return tools.Errorf(own.Code, "%s; the request may have been made: look before you repeat it", own.Message).After(own.RetryAfter).Because(err)
}

// answerOf reads the one row of the statement.
func answerOf(r *wire.StatementResult) (status int, text string, err error) {
	if len(r.Rows) == 1 && len(r.Rows[0]) == 2 && r.Rows[0][0] != nil {
		if status, err = strconv.Atoi(*r.Rows[0][0]); err == nil && status >= 100 && status <= 999 {
			if r.Rows[0][1] != nil {
				text = *r.Rows[0][1]
			}
			return status, text, nil
		}
	}
	return 0, "", tools.Errorf(tools.CodeUpstreamError, "Databricks did not say what the external API answered")
}

// response hands an answer on: as JSON where it is JSON and not too long, else as text.
func response(status int, text string, most int) *tools.Response {
	out := &tools.Response{Status: status}
	if text == "" {
		return out
	}
	if len(text) <= most {
		if v, ok := parse(text); ok {
			out.Body = tools.CleanValue(v, most)
			return out
		}
	}
	out.Body, out.Truncated = tools.Clean(text, most), len(text) > most
	return out
}

// parse reads a JSON text and keeps the digits of its numbers.
func parse(text string) (any, bool) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil, false
	}
	_, err := dec.Token()
	return v, errors.Is(err, io.EOF)
}
