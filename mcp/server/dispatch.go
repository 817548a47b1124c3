// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// versions are the protocol revisions served. Older ones allow batches.
var versions = []string{"2026-07-28", "2025-11-25", "2025-06-18"}

// served are the methods that mean something here. The SDK would answer prompts
// and resources with empty lists although neither is declared.
var served = map[string]bool{
	"initialize": true, "notifications/initialized": true, "notifications/cancelled": true, "ping": true,
	"server/discover": true, "subscriptions/listen": true, "tools/list": true, "tools/call": true,
}

// protocol are the options that every MCP server on the main port has.
func (s *Server) protocol() mcp.ServerOptions {
	return mcp.ServerOptions{Logger: s.sdkLog, SupportedProtocolVersions: slices.Clone(versions), SetCacheable: private}
}

// newMCPServer makes the MCP server of one snapshot.
func (s *Server) newMCPServer(snap *snapshot) *mcp.Server {
	o := s.protocol()
	o.Instructions = "Governed tools on Databricks. What you may call, and the rows you see, depend on your role."
	o.Capabilities = &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{ListChanged: true}}
	srv := mcp.NewServer(s.implementation(), &o)
	srv.AddReceivingMiddleware(onlyServed, s.listed)
	s.guard(srv)
	for _, t := range snap.doc.Tools {
		srv.AddTool(listing(t), s.call(t.Name))
	}
	return srv
}

// guard puts around a server what every message passes through, outside of what
// the server has already.
func (s *Server) guard(srv *mcp.Server) { srv.AddReceivingMiddleware(s.recovering, bridged) }

// private keeps shared caches from serving the list of one role to another.
func private(_ context.Context, _ mcp.Request, c *mcp.Cacheable) {
	c.CacheScope, c.TTLMs = "private", 0
}

// recovering turns a panic into an internal error: in a tool's goroutine it
// would end the process. It also makes sure that no error leaves in its own words.
func (s *Server) recovering(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (result mcp.Result, err error) {
		defer func() {
			if p := recover(); p != nil {
				s.metrics.panics.Inc()
				// The value may hold anything, also a row: only where it happened is logged.
				s.log.Error("Recovered from a panic", "method", method, "requestID", requestID(ctx), "stack", string(debug.Stack()))
				result, err = nil, internalError(ctx)
			}
		}()
		result, err = next(ctx, method, req)
		if err == nil {
			return result, nil
		}
		if wire, ok := errors.AsType[*jsonrpc.Error](err); ok {
			return nil, wire // unwrapped: the SDK looks at the type
		}
		s.log.Error("Failed a request", "method", method, "requestID", requestID(ctx))
		return nil, internalError(ctx)
	}
}

func internalError(ctx context.Context) error {
	data, _ := json.Marshal(map[string]string{"request_id": requestID(ctx)}) // two strings always encode
	return &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "internal error", Data: data}
}

// bridged ends a call when its HTTP request ends: on legacy revisions the SDK
// lets it run to completion.
func bridged(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		outer, ok := ctx.Value(keyHTTPContext).(context.Context)
		if !ok {
			return next(ctx, method, req)
		}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(outer, func() { cancel(context.Cause(outer)) })()
		return next(ctx, method, req)
	}
}

func onlyServed(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if !served[method] {
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "this server serves tools only"}
		}
		return next(ctx, method, req)
	}
}

// listed shows each role its tools. The tools of the result are shared by all
// requests, so the list is built anew.
func (s *Server) listed(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		result, err := next(ctx, method, req)
		list, ok := result.(*mcp.ListToolsResult)
		if err != nil || !ok {
			return result, err
		}
		snap, caller, now := snapshotOf(ctx), principalOf(ctx), s.now()
		out := *list
		out.Tools = make([]*mcp.Tool, 0, len(list.Tools))
		for _, t := range list.Tools {
			if snap != nil && caller != nil && snap.cell(caller.Role, t.Name).lists(ctx, snap, caller, t.Name, now) == yes {
				out.Tools = append(out.Tools, t)
			}
		}
		return &out, nil
	}
}

// call handles tools/call of one tool: matrix, arguments, exchange, execution.
func (s *Server) call(name string) mcp.ToolHandler {
	return func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		snap, caller := snapshotOf(ctx), principalOf(ctx)
		if snap == nil || caller == nil {
			return nil, internalError(ctx)
		}
		began := time.Now()
		args, out, err := s.answered(req, caller, name)
		if out == nil && err == nil {
			out, err = s.run(ctx, snap, caller, name, call{args: args, progress: progress(ctx, req)})
		}
		s.account(ctx, name, caller.Role, time.Since(began), err)
		if err == nil && out.Clarifies() && req.Params.RequestState == "" && elicits(req) {
			if question := s.asking(caller, name, out); question != nil {
				return question, nil
			}
		}
		return result(requestID(ctx), out, err)
	}
}

// call is what a caller asks of a tool.
type call struct {
	args     json.RawMessage
	progress func(step int, message string)
}

// progress tells the client how far a call is, when it asked to be told.
func progress(ctx context.Context, req *mcp.CallToolRequest) func(step int, message string) {
	token := req.Params.GetProgressToken()
	if token == nil {
		return nil
	}
	return func(step int, message string) {
		// A client that no longer listens ends the call in its own way.
		_ = req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: float64(step), Message: message})
	}
}

func (s *Server) run(ctx context.Context, snap *snapshot, caller *principal, name string, c call) (*tools.Output, error) {
	now, current := s.now(), s.store.current.Load()
	mine := []*cell{snap.cell(caller.Role, name)}
	if current != snap { // a call is not to outlive its cell
		mine = append(mine, current.cell(caller.Role, name))
	}
	for _, c := range mine {
		if a := c.lists(ctx, snap, caller, name, now); a != yes {
			if a == conditional { // again, to tell why
				c.permits(ctx, snap, caller, name, nil, now, s.unheld(ctx, name, caller.Role))
			}
			return nil, refusal(a, name)
		}
	}
	tool := snap.tools[name]
	ctx, cancel := context.WithTimeout(ctx, tool.Timeout(time.Duration(snap.doc.Limits.CallTimeoutSeconds)*time.Second))
	defer cancel()
	permit := func(args tools.Arguments) error {
		for _, c := range mine {
			if a := c.permits(ctx, snap, caller, name, args, now, s.unheld(ctx, name, caller.Role)); a != yes {
				return refusal(a, name)
			}
		}
		return nil
	}
	admit := func(tools.Arguments) error { return s.admit(ctx, snap, caller, tool) }
	return tool.Run(ctx, s.handed(ctx, snap, caller, c.progress), c.args, permit, admit)
}

// unheld tells of a condition that kept a call out. The reason is one of a few words.
func (s *Server) unheld(ctx context.Context, tool, role string) func(rule, why string) {
	return func(rule, why string) {
		s.metrics.conditions.WithLabelValues(why).Inc()
		s.log.Info("A condition did not hold", "tool", tool, "role", role, "rule", rule, "reason", why, "requestID", requestID(ctx))
	}
}

// account counts and logs a call. Arguments, rows, tokens and addresses of people stay out of it.
func (s *Server) account(ctx context.Context, tool, role string, took time.Duration, err error) {
	outcome := "ok"
	if err != nil {
		outcome = string(tools.AsError(err).Code)
	}
	label := role
	if label == "" {
		label = "none"
	}
	s.metrics.calls.WithLabelValues(tool, label, outcome).Inc()
	s.metrics.callSeconds.WithLabelValues(tool).Observe(took.Seconds())
	s.log.Info("Called a tool", "tool", tool, "role", role, "outcome", outcome,
		"latencyMS", took.Milliseconds(), "requestID", requestID(ctx))
}

// result puts the envelope both where programs and where models look.
func result(id string, out *tools.Output, err error) (*mcp.CallToolResult, error) {
	envelope := tools.Success(id, out)
	if err != nil {
		envelope = tools.Failure(id, err)
	}
	raw, encodeErr := json.Marshal(envelope)
	if encodeErr != nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "internal error"}
	}
	return &mcp.CallToolResult{
		IsError: err != nil, StructuredContent: json.RawMessage(raw),
		Content: []mcp.Content{&mcp.TextContent{Text: string(raw)}},
	}, nil
}
