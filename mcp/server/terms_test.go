// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
)

// listed are the tools that a session is shown.
func listed(t *testing.T, s *mcp.ClientSession) string {
	t.Helper()
	list, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
	}
	return strings.Join(names, " ")
}

func TestACellEndsOnTimeWithNobodyToSaySo(t *testing.T) {
	c := &clock{}
	g := start(t, func(o *server.Options) { o.Now = c.now })
	d := document(t, g.key.public("RS256"))
	d.AllowRules = map[string]map[string][]access.AllowRule{"sales/west": {"query_sales_data": {{Until: time.Now().Add(time.Minute).UTC().Truncate(time.Second)}}}}
	g.serve(d)
	s := g.client(g.token("west"), "2025-11-25")
	if got := listed(t, s); got != "check_identity query_sales_data" {
		t.Fatalf("listed %q before the end", got)
	}
	if a := ask(t, s, "query_sales_data", nil); a.Status != "ok" {
		t.Fatalf("answered %+v before the end", a)
	}
	_, before := g.workspace.counts()
	c.advance(time.Minute)
	if got := listed(t, s); got != "check_identity" {
		t.Errorf("listed %q after the end", got)
	}
	a := ask(t, s, "query_sales_data", nil)
	if a.Error.Code != "ACCESS_DENIED" || a.RequestID == "" || a.Error.Message != "your role may not call query_sales_data" {
		t.Errorf("answered %+v after the end", a)
	}
	if a := ask(t, s, "check_identity", nil); a.Status != "ok" {
		t.Errorf("the cell beside it answered %+v", a)
	}
	if _, after := g.workspace.counts(); after != before+1 {
		t.Errorf("Databricks was asked %d times after the end, want once for the other tool", after-before)
	}
	exec := g.client(g.token("exec"), "2025-11-25")
	if a := ask(t, exec, "query_sales_data", nil); a.Status != "ok" {
		t.Errorf("the role whose cell does not end got %+v", a)
	}

	d.AllowRules["sales/west"]["query_sales_data"] = []access.AllowRule{{Until: c.now().Add(time.Minute).UTC().Truncate(time.Second)}}
	g.serve(d)
	if a := ask(t, g.client(g.token("west"), "2025-11-25"), "query_sales_data", nil); a.Status != "ok" {
		t.Errorf("a later end brings the cell back: %+v", a)
	}
}

func TestTermsOfACellThatTheMatrixDoesNotHaveAreNoDocument(t *testing.T) {
	g := serving(t)
	d := document(t, g.key.public("RS256"))
	d.AllowRules = map[string]map[string][]access.AllowRule{"sales/west": {"query_audit_log": {{}}}}
	write(t, g.dir, d)
	g.eventually("the problem is noticed", func() bool { return strings.Contains(g.server.Status().Problem, "query_audit_log") })
}
