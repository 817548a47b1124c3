// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/calllog"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/faults"
)

// maxBody bounds a request: a statement may have 16 MiB.
const maxBody = 20 << 20

// Options are what a Handler is made of.
type Options struct {
	Audience Audience
	Routes   []Route
	// Authenticate turns a bearer token into its caller.
	Authenticate func(token string, audience Audience) (Caller, error)
	Faults       *faults.Set
	Calls        *calllog.Log
	Log          *slog.Logger
}

// Handler serves the routes of one host.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	for _, route := range o.Routes {
		if route.Audience != Both && route.Audience != o.Audience {
			continue
		}
		mux.Handle(route.Method+" "+route.Pattern, endpoint{o, route})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if e, ok := h.(endpoint); ok && pattern != "" {
			_ = e
			mux.ServeHTTP(w, r) // sets the path values
			return
		}
		unknown := Route{Method: r.Method, Audience: o.Audience, SCIM: strings.Contains(r.URL.Path, "/scim/v2/")}
		endpoint{o, unknown}.ServeHTTP(w, r)
	})
}

// endpoint serves one route.
type endpoint struct {
	Options
	route Route
}

func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := e.Calls.Begin(e.Audience.Name(), r)
	strikes := e.Faults.Match(e.Audience.Name(), r.Method, r.URL.Path)
	call.Faults = strikes.IDs()
	defer func() { e.Calls.End(call) }()
	if strikes.Before(w, r) {
		call.Status = strikes.Status()
		return
	}
	status, header, body := e.answer(r, call)
	call.Status = status
	call.Committed = status < 300 && r.Method != http.MethodGet && r.Method != http.MethodHead
	for k, v := range header {
		w.Header()[k] = v
	}
	if strikes.After(w, r, status, body) {
		return
	}
	if body != nil {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// answer runs the checks in Databricks' order and then the handler.
func (e endpoint) answer(r *http.Request, call *calllog.Call) (int, http.Header, []byte) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return e.failed(Invalid("MALFORMED_REQUEST", "the body cannot be read"))
	}
	if len(raw) > maxBody {
		return e.failed(&Error{Status: http.StatusRequestEntityTooLarge, Code: "MALFORMED_REQUEST", Message: "the body is too large"})
	}
	request := &Request{Request: r, Body: raw, Audience: e.Audience}
	if len(e.route.Scopes) > 0 || e.route.Handle == nil && e.route.Pattern == "" && strings.HasPrefix(r.URL.Path, "/api/") {
		if request.Caller, err = e.authorize(r); err != nil {
			return e.failed(err)
		}
		call.Principal = request.Caller.Principal()
	}
	if e.route.Handle == nil {
		return e.failed(&Error{
			Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED",
			Message: fmt.Sprintf("the emulator does not implement %s %s", r.Method, r.URL.Path),
		})
	}
	result, err := e.route.Handle(r.Context(), request)
	if err != nil {
		return e.failed(err)
	}
	reply, ok := result.(Reply)
	if !ok {
		reply = Reply{Status: http.StatusOK, Body: result}
	}
	if reply.Body == nil {
		return reply.Status, reply.Header, nil
	}
	body, err := json.Marshal(reply.Body)
	if err != nil {
		return e.failed(err)
	}
	return reply.Status, reply.Header, body
}

func (e endpoint) authorize(r *http.Request) (Caller, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return Caller{}, Unauthenticated("Credential was not sent or was of an unsupported type for this API.")
	}
	caller, err := e.Authenticate(token, e.Audience)
	if err != nil {
		return Caller{}, err
	}
	if len(e.route.Scopes) > 0 && !caller.HasScope(e.route.Scopes...) {
		return Caller{}, Denied("Provided OAuth token does not have required scopes: " + strings.Join(e.route.Scopes, " "))
	}
	return caller, nil
}

// failed shapes an error as the route's kind of API does.
func (e endpoint) failed(err error) (int, http.Header, []byte) {
	we, known := Answered(err)
	if !known {
		e.Log.Error("Failed a call", "route", e.route.Method+" "+e.route.Pattern, "err", err)
	}
	var body any
	switch {
	case e.route.Form:
		body = map[string]string{"error": we.Code, "error_description": we.Message}
	case e.route.SCIM:
		scim := map[string]any{
			"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "detail": we.Message, "status": strconv.Itoa(we.Status),
		}
		if we.Code == "invalidFilter" || we.Code == "invalidPath" {
			scim["scimType"] = we.Code
		}
		body = scim
	default:
		body = we.Body()
	}
	raw, _ := json.Marshal(body) // strings always encode
	return we.Status, we.Header, raw
}
