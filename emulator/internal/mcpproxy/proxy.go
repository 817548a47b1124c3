// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/upstream"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// maxRequest bounds what a caller may send, in bytes.
const maxRequest = upstream.MaxBody

var identity = &mcp.Implementation{Name: "databricks-emulator", Version: "v1"}

// Service is what a call goes to.
type Service struct {
	// Name is the full name, which errors have.
	Name string
	// Selectors are the names of tools, and prefixes that end in *; none at all selects all tools.
	Selectors []string
	// Upstream is the way to the MCP server.
	Upstream *upstream.Through
}

// Serve answers a request of a caller who may call the service. Whether somebody may
// is not looked at here.
func (s Service) Serve(ctx context.Context, r *wire.Request) (any, error) {
	in := r.Clone(ctx)
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(r.Body)), int64(len(r.Body))
	in.Header.Del("Authorization") // who calls is known, and nobody after this needs to
	out := &answer{header: http.Header{}}
	s.handler(ctx).ServeHTTP(out, in)
	if out.header.Get("Content-Type") == "application/json" {
		return wire.Reply{Status: out.status, Header: out.header, Body: out.raw()}, nil
	}
	if out.status >= http.StatusBadRequest {
		return nil, &wire.Error{Status: out.status, Code: "MALFORMED_REQUEST", Message: strings.TrimSpace(out.body.String()), Header: allowed(out.header)}
	}
	return wire.Reply{Status: out.status, Header: out.header}, nil
}

func allowed(h http.Header) http.Header {
	if methods := h.Values("Allow"); len(methods) > 0 {
		return http.Header{"Allow": methods}
	}
	return nil
}

// handler is the MCP server of one request. It answers in one piece, so that faults can
// strike the answer. The host that was addressed is not checked, as it is for servers of
// a browser's machine: every request has a token.
func (s Service) handler(ctx context.Context) http.Handler {
	server := mcp.NewServer(identity, &mcp.ServerOptions{Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}}})
	server.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(inner context.Context, method string, r mcp.Request) (mcp.Result, error) {
			// The library's context has the caller's version of the protocol in it, which
			// is not the upstream's.
			out, cancel := context.WithTimeout(ctx, s.Upstream.Timeout())
			defer cancel()
			defer context.AfterFunc(inner, cancel)()
			switch method {
			case "tools/list":
				return s.tools(out, r)
			case "tools/call":
				return s.tool(out, r)
			case "initialize", "ping", "server/discover", "notifications/initialized", "notifications/cancelled":
				return next(inner, method, r)
			}
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "the emulator does not implement " + method + " of MCP services"}
		}
	})
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
		Stateless: true, JSONResponse: true, DisableLocalhostProtection: true, MaxRequestBodyBytes: maxRequest,
	})
}

func (s Service) tools(ctx context.Context, r mcp.Request) (mcp.Result, error) {
	cursor := ""
	if params, ok := r.GetParams().(*mcp.ListToolsParams); ok && params != nil {
		cursor = params.Cursor
	}
	return answered(s.list(ctx, cursor))
}

func (s Service) tool(ctx context.Context, r mcp.Request) (mcp.Result, error) {
	params, ok := r.GetParams().(*mcp.CallToolParamsRaw)
	if !ok || params == nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "params are missing"}
	}
	return answered(s.call(ctx, params))
}

// answered keeps a nil of a result's type from being a result.
func answered[R mcp.Result](result R, err error) (mcp.Result, error) {
	if err != nil {
		return nil, err
	}
	return result, nil
}

// selects says whether a tool is one of the service's.
func (s Service) selects(tool string) bool {
	for _, selector := range s.Selectors {
		prefix, open := strings.CutSuffix(selector, "*")
		if tool == selector || open && strings.HasPrefix(tool, prefix) {
			return true
		}
	}
	return len(s.Selectors) == 0
}

// unknown is the answer for a tool that is not selected, and for one that does not exist.
func unknown(tool string) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: fmt.Sprintf("unknown tool %q", tool)}
}

// open begins a session with the upstream. It declares nothing that an upstream could ask
// for. When a call ends before its answer, the library takes up to 5 s to tell the upstream.
func (s Service) open(ctx context.Context) (*mcp.ClientSession, error) {
	client := mcp.NewClient(identity, &mcp.ClientOptions{Capabilities: &mcp.ClientCapabilities{}, MultiRoundTrip: &mcp.MultiRoundTripOptions{Disabled: true}})
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: s.Upstream.Address(), HTTPClient: s.Upstream.HTTP(), MaxRetries: -1, DisableStandaloneSSE: true,
	}, nil)
	if err != nil {
		return nil, s.failure(err)
	}
	return session, nil
}

// page is a page of the upstream's tools.
func (s Service) page(ctx context.Context, session *mcp.ClientSession, cursor string) (*mcp.ListToolsResult, error) {
	page, err := session.ListTools(ctx, &mcp.ListToolsParams{Cursor: cursor})
	if err != nil {
		return nil, s.failure(err)
	}
	return page, nil
}

// list is a page of the upstream's tools without those that are not selected, which may
// leave none of a page that others follow.
func (s Service) list(ctx context.Context, cursor string) (*mcp.ListToolsResult, error) {
	session, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close() //nolint:errcheck // the answer is there
	page, err := s.page(ctx, session, cursor)
	if err != nil {
		return nil, err
	}
	out := &mcp.ListToolsResult{NextCursor: page.NextCursor, Tools: []*mcp.Tool{}, Cacheable: mcp.Cacheable{CacheScope: "private"}}
	for _, tool := range page.Tools {
		if s.selects(tool.Name) {
			out.Tools = append(out.Tools, tool)
		}
	}
	return out, nil
}

// call calls a tool that is selected. When that fails, and the upstream does not list
// the tool, the answer is that of a tool that is not selected, not the upstream's own:
// nobody learns from the form of a refusal what was left out.
func (s Service) call(ctx context.Context, params *mcp.CallToolParamsRaw) (*mcp.CallToolResult, error) {
	if !s.selects(params.Name) {
		return nil, unknown(params.Name)
	}
	session, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close() //nolint:errcheck // the answer is there
	in := &mcp.CallToolParams{Name: params.Name}
	if len(params.Arguments) > 0 {
		in.Arguments = params.Arguments
	}
	got, err := session.CallTool(ctx, in)
	if err != nil {
		err = s.failure(err)
	}
	if (err != nil || got.IsError) && len(s.Selectors) > 0 && s.missing(ctx, session, params.Name) {
		return nil, unknown(params.Name)
	}
	if err != nil {
		return nil, err
	}
	if got.NeedsInput() {
		return nil, s.because("the upstream asks back, which the emulator does not implement")
	}
	out := &mcp.CallToolResult{Meta: got.Meta, Content: got.Content, StructuredContent: got.StructuredContent, IsError: got.IsError}
	if out.Content == nil {
		out.Content = []mcp.Content{}
	}
	return out, nil
}

// missing says that the upstream lists its tools, and that one is not among them.
func (s Service) missing(ctx context.Context, session *mcp.ClientSession, tool string) bool {
	for cursor := ""; ; {
		page, err := s.page(ctx, session, cursor)
		if err != nil {
			return false
		}
		for _, t := range page.Tools {
			if t.Name == tool {
				return false
			}
		}
		if page.NextCursor == "" || page.NextCursor == cursor {
			return true
		}
		cursor = page.NextCursor
	}
}

// libraryCodes are those of errors that the library makes up for answers that are not MCP's.
var libraryCodes = []int64{-32003, -32004, -32005}

// because is what a caller learns of a failure.
func (s Service) because(reason string) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "MCP service '" + s.Name + "': " + reason}
}

// failure says what failed, without where the upstream is and what it said. Only errors
// of MCP, which it answers callers with, are told as they are.
func (s Service) failure(err error) error {
	status, last := s.Upstream.Last()
	for _, known := range []error{upstream.ErrTransport, upstream.ErrCredential, upstream.ErrInvalid, upstream.ErrTooLarge} {
		if errors.Is(last, known) || errors.Is(err, known) {
			return s.because(known.Error())
		}
	}
	said, isMCP := errors.AsType[*jsonrpc.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return s.because(upstream.ErrTransport.Error())
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return s.because(fmt.Sprintf("the upstream refused the connection's credential with the status %d", status))
	case isMCP && !slices.Contains(libraryCodes, said.Code):
		return &jsonrpc.Error{Code: said.Code, Message: said.Message, Data: said.Data}
	case status >= http.StatusBadRequest:
		return s.because(fmt.Sprintf("the upstream answered with the status %d", status))
	}
	return s.because("the upstream did not answer as an MCP server does")
}
