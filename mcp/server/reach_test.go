// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
)

// TestNoToolReachesTheServersOwnIdentity follows every pointer, field, interface, map
// and list of ours from what a running tool is handed. The same walk from the server
// finds the identity, so that it is known to look.
func TestNoToolReachesTheServersOwnIdentity(t *testing.T) {
	g := start(t, func(o *server.Options) { o.WorkloadTokenFile = workloadToken(t) })
	d := document(t, g.key.public("RS256"))
	withHealth(&d)
	g.serve(d)
	called := false
	g.workspace.execute = func(ctx context.Context, _ wire.Secret, _ wire.StatementRequest) (*wire.StatementResult, error) {
		called = true
		for _, handed := range append(server.Handed(ctx, g.server, "check_identity"), ctx) {
			if found := leads(handed); found != "" {
				t.Errorf("a running tool can reach %q", found)
			}
		}
		return &wire.StatementResult{}, nil
	}
	ask(t, g.client(g.token("west"), "2025-11-25"), "check_identity", nil)
	if !called {
		t.Error("no tool ran")
	}
	if leads(g.server) == "" {
		t.Error("the walk finds nothing, also where something is")
	}
}

// walked are the packages whose types are looked into. Others hold of ours what they
// were given as functions, into which nobody can look.
var walked = []string{"context", "net/http"}

// leads returns the way from a value to something of mcp/health, or is empty.
func leads(from any) string {
	type place struct {
		of reflect.Type
		at uintptr
	}
	seen := map[place]bool{}
	var walk func(v reflect.Value, way string) string
	walk = func(v reflect.Value, way string) string {
		if !v.IsValid() {
			return ""
		}
		pkg := v.Type().PkgPath()
		if strings.HasSuffix(pkg, "/mcp/health") {
			return way + " " + v.Type().String()
		}
		var next []reflect.Value
		switch v.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice:
			here := place{v.Type(), v.Pointer()}
			if v.IsNil() || seen[here] {
				return ""
			}
			seen[here] = true
		default:
		}
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			return walk(v.Elem(), way)
		case reflect.Struct:
			if !strings.Contains(pkg, "gatehouse") && !slices.Contains(walked, pkg) || v.Type().String() == "http.Server" || v.Type().String() == "http.Transport" {
				return ""
			}
			for i := range v.NumField() {
				if at := walk(v.Field(i), way+"."+v.Type().Field(i).Name); at != "" {
					return at
				}
			}
		case reflect.Slice, reflect.Array:
			for i := range v.Len() {
				next = append(next, v.Index(i))
			}
		case reflect.Map:
			for it := v.MapRange(); it.Next(); {
				next = append(next, it.Key(), it.Value())
			}
		default:
		}
		for _, n := range next {
			if at := walk(n, way+"[]"); at != "" {
				return at
			}
		}
		return ""
	}
	return walk(reflect.ValueOf(from), reflect.TypeOf(from).String())
}
