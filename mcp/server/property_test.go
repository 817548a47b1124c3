// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// reference says, from what is declared and in the plainest way, whether a caller may
// call a tool: its claim stands for exactly one role of the issuer's policies, it is not
// denied by name, and the matrix has the tool in the role's row.
func reference(d access.Document, claims claimSet, tool string) bool {
	value, ok := claims["https://gatehouse.dev/role"].(string)
	if !ok {
		return false
	}
	for _, s := range d.DeniedSubjects {
		if s.Issuer == claims["iss"] && s.Subject == claims["sub"] {
			return false
		}
	}
	served := false
	for _, t := range d.Tools {
		served = served || t.Name == tool
	}
	role := ""
	for _, issuer := range d.Issuers {
		if issuer.Issuer == claims["iss"] && issuer.Subjects[value] != "" {
			role = issuer.Subjects[value]
		}
	}
	if role == "" || !served {
		return false
	}
	for _, name := range d.Matrix[role] {
		if name == tool {
			return true
		}
	}
	return false
}

// drawDocument is a document with some tools, roles, claim values and cells.
func drawDocument(t *rapid.T, base access.Document) access.Document {
	d := base
	names := func(what string, n int) []string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf("%s%d", what, i))
		}
		return out
	}
	tools, roles := names("tool_", rapid.IntRange(1, 5).Draw(t, "tools")), names("sales/r", rapid.IntRange(1, 4).Draw(t, "roles"))
	d.Tools, d.Roles, d.Matrix, d.DeniedSubjects = nil, map[string]access.Role{}, map[string][]string{}, nil
	for _, name := range tools {
		d.Tools = append(d.Tools, access.Tool{
			Name: name, Description: name, InputSchema: json.RawMessage(`{"type":"object","properties":{},"additionalProperties":false}`),
			ReadOnly: true, Idempotent: true, Identity: &access.IdentityTool{Groups: []string{"g"}},
		})
	}
	subjects := map[string]string{}
	for i, role := range roles {
		d.Roles[role] = access.Role{ApplicationID: fmt.Sprintf("aaaaaaaa-0000-4000-8000-00000000000%d", i), Scopes: []string{"sql"}}
		row := rapid.SliceOfDistinct(rapid.SampledFrom(tools), rapid.ID[string]).Draw(t, "row of "+role)
		slices.Sort(row)
		d.Matrix[role] = append([]string{}, row...)
	}
	for _, value := range names("v", 4) {
		if rapid.Bool().Draw(t, value+" is known") {
			subjects[value] = rapid.SampledFrom(roles).Draw(t, "role of "+value)
		}
	}
	d.Issuers = slices.Clone(base.Issuers)
	d.Issuers[0].Subjects = subjects
	if rapid.Bool().Draw(t, "somebody is denied") {
		d.DeniedSubjects = []access.Subject{{Issuer: issuerURL, Subject: "auth0|v0"}}
	}
	return d
}

// TestListsAndCallsAreWhatTheReferenceSays draws matrices and has every claim value list
// the tools and call each of them, also those that are not listed or do not exist.
func TestListsAndCallsAreWhatTheReferenceSays(t *testing.T) {
	g := start(t)
	base := document(t, g.key.public("RS256"))
	rapid.Check(t, func(rt *rapid.T) {
		d := drawDocument(rt, base)
		g.serve(d)
		for _, value := range []string{"v0", "v1", "v2", "v3", "unknown"} {
			claims := goodClaims(value).with("sub", "auth0|"+value)
			token := g.signed(claims)
			anything := false
			for _, tool := range []string{"tool_0", "tool_1", "tool_2", "tool_3", "tool_4"} {
				may := reference(d, claims, tool)
				anything = anything || may
				res, body := g.post(token, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":{}}}`, nil)
				called := res.StatusCode == http.StatusOK && strings.Contains(body, `"status":"ok"`)
				if called != may {
					rt.Fatalf("%s calls %s: %v (%d %s); the reference says %v", value, tool, called, res.StatusCode, body, may)
				}
			}
			res, body := g.post(token, listRequest, nil)
			for _, tool := range d.Tools {
				listed := res.StatusCode == http.StatusOK && strings.Contains(body, `"name":"`+tool.Name+`"`)
				if may := reference(d, claims, tool.Name); listed != may {
					rt.Fatalf("%s is shown %s: %v; the reference says %v", value, tool.Name, listed, may)
				}
			}
			if res.StatusCode != http.StatusOK && anything {
				rt.Fatalf("%s may call something and is refused with %d", value, res.StatusCode)
			}
		}
	})
}
