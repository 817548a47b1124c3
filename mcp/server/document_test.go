// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
)

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// get asks the second port.
func (g *gate) get(path, token string) (int, string) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, g.operator.URL+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

func TestWithoutADocumentNothingIsServed(t *testing.T) {
	g := start(t)
	g.eventually("the missing document is noticed", func() bool {
		status, text := g.get("/readyz", "")
		return status == http.StatusServiceUnavailable && strings.Contains(text, "the access document is missing")
	})
	if status, _ := g.get("/healthz", ""); status != http.StatusOK {
		t.Errorf("healthz answered %d: a restart would not mend it", status)
	}
	if res, _ := g.post(g.token("west"), listRequest, nil); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a call got %d", res.StatusCode)
	}
	g.serve(document(t, g.key.public("RS256")))
	if status, _ := g.get("/readyz", ""); status != http.StatusOK {
		t.Errorf("with a document readyz answers %d", status)
	}
	if res, _ := g.post(g.token("west"), listRequest, nil); res.StatusCode != http.StatusOK {
		t.Errorf("a call got %d", res.StatusCode)
	}
}

func TestADocumentThatCannotBeUsedLeavesTheLastGoodOne(t *testing.T) {
	g := serving(t)
	hash := g.server.Status().Hash
	d := document(t, g.key.public("RS256"))
	unknownTool, unknownRole, version := d, d, d
	unknownTool.Matrix = map[string][]string{"sales/west": {"no_such_tool"}}
	unknownRole.Matrix = map[string][]string{"sales/nobody": {"check_identity"}}
	version.Version = 99
	with := func(tool access.Tool) access.Document {
		tool.Name, tool.InputSchema = "another", json.RawMessage(`{"type":"object"}`)
		out := d
		out.Tools = append(slices.Clone(d.Tools), tool)
		return out
	}
	for name, c := range map[string]struct {
		spoil func()
		want  string
	}{
		"not JSON":            {func() { writeRaw(t, g.dir, []byte(`{"version":`)) }, "not JSON"},
		"another shape":       {func() { writeRaw(t, g.dir, []byte(`{"version":1,"extra":true}`)) }, "expected shape"},
		"another version":     {func() { write(t, g.dir, version) }, "version 99"},
		"a changed matrix":    {func() { writeRaw(t, g.dir, []byte(`{"version":1,"hash":"00","server":"sales/tools"}`)) }, "hash"},
		"a tool not defined":  {func() { write(t, g.dir, unknownTool) }, "no_such_tool"},
		"a role not defined":  {func() { write(t, g.dir, unknownRole) }, "sales/nobody"},
		"a type not known":    {func() { write(t, g.dir, with(access.Tool{})) }, "exactly one type that this server knows"},
		"a type unreachable":  {func() { write(t, g.dir, with(access.Tool{VectorSearch: &access.VectorSearchTool{}})) }, "a client for vector search is required"},
		"larger than allowed": {func() { writeRaw(t, g.dir, []byte(strings.Repeat(" ", 3<<20))) }, "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spoil()
			g.eventually("the problem is noticed", func() bool { return strings.Contains(g.server.Status().Problem, c.want) })
			if st := g.server.Status(); !st.Ready || st.Hash != hash {
				t.Errorf("the status reads %+v", st)
			}
			if a := ask(t, g.client(g.token("west"), "2025-11-25"), "check_identity", nil); a.Status != "ok" {
				t.Errorf("answered %+v", a)
			}
			if _, text := g.get("/metrics", ""); !strings.Contains(text, "gatehouse_access_document_problem 1") {
				t.Error("the metric does not say so")
			}
		})
	}
	write(t, g.dir, d)
	g.eventually("the mended document is taken", func() bool { return g.server.Status().Problem == "" })
}

func TestATakenAwayCellIsDeniedAtOnceInOpenSessions(t *testing.T) {
	g := serving(t)
	s := g.client(g.token("west"), "2025-11-25")
	if a := ask(t, s, "check_identity", nil); a.Status != "ok" {
		t.Fatalf("answered %+v", a)
	}
	d := document(t, g.key.public("RS256"))
	d.Matrix["sales/west"] = []string{"query_sales_data"}
	g.serve(d)
	if a := ask(t, s, "check_identity", nil); a.Error.Code != "ACCESS_DENIED" {
		t.Errorf("answered %+v", a)
	}
	list, err := s.ListTools(t.Context(), nil)
	if err != nil || len(list.Tools) != 1 || list.Tools[0].Name != "query_sales_data" {
		t.Errorf("listed %v, %v", list, err)
	}
}

func TestARoleThatGoesTakesItsTokensAlong(t *testing.T) {
	g := serving(t)
	s := g.client(g.token("west"), "2025-11-25")
	ask(t, s, "check_identity", nil)
	d := document(t, g.key.public("RS256"))
	delete(d.Roles, "sales/west")
	delete(d.Matrix, "sales/west")
	g.serve(d)
	if a := ask(t, s, "check_identity", nil); a.Error.Code != "ACCESS_DENIED" {
		t.Errorf("answered %+v", a)
	}
	g.serve(document(t, g.key.public("RS256")))
	ask(t, s, "check_identity", nil)
	if n, _ := g.workspace.counts(); n != 2 {
		t.Errorf("%d exchanges, want 2: the token of a role that went must be forgotten", n)
	}
}

func TestANewToolIsServedWithoutARestart(t *testing.T) {
	g := serving(t)
	s := g.client(g.token("west"), "2026-07-28")
	d := document(t, g.key.public("RS256"))
	added := d.Tools[0]
	added.Name = "whoami"
	d.Tools = append(d.Tools, added)
	d.Matrix["sales/west"] = append(d.Matrix["sales/west"], "whoami")
	g.serve(d)
	if a := ask(t, s, "whoami", nil); a.Status != "ok" {
		t.Errorf("answered %+v", a)
	}
}

func TestOnlyTheOperatorMayAskTheSecondPort(t *testing.T) {
	g := serving(t)
	operator := "cluster-token-of-" + operatorName
	for token, want := range map[string]int{
		"": http.StatusUnauthorized, "nonsense": http.StatusForbidden,
		"cluster-token-of-system:serviceaccount:acme:default": http.StatusForbidden,
		g.token("exec"): http.StatusForbidden, operator: http.StatusOK,
	} {
		status, text := g.get(server.StatusPath, token)
		if status != want {
			t.Errorf("answered %d %s, want %d", status, text, want)
		}
		if want == http.StatusOK && !strings.Contains(text, g.server.Status().Hash) {
			t.Errorf("the status reads %s", text)
		}
	}
	c := mcp.NewClient(&mcp.Implementation{Name: "operator", Version: "1"}, nil)
	session, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: g.operator.URL + server.ProbePath, MaxRetries: -1, DisableStandaloneSSE: true,
		HTTPClient: &http.Client{Transport: authorized{operator}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	list, err := session.ListTools(t.Context(), nil)
	if err != nil || len(list.Tools) != 3 {
		t.Errorf("the handshake lists %v, %v", list, err)
	}
	if _, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "check_identity", Arguments: map[string]any{}}); err == nil {
		t.Error("the operator could call a tool")
	}
	if res, _ := http.Get(g.main.URL + server.StatusPath); res.StatusCode != http.StatusNotFound {
		t.Errorf("the main port answers the operator's question with %d", res.StatusCode)
	}
}

func TestTooManyRequestsAtOnceAreTurnedAway(t *testing.T) {
	g := serving(t, func(d *access.Document) { d.Limits.MaxConcurrentCalls = 1 })
	release, running := make(chan struct{}), make(chan struct{})
	g.workspace.exchange = holding(running, release)
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.post(g.token("west"), `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"check_identity","arguments":{}}}`, nil)
	}()
	wait(t, running, "a call runs")
	res, _ := g.post(g.token("west"), listRequest, nil)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("answered %d", res.StatusCode)
	}
	close(release)
	wait(t, done, "the call ends")
}

// holding is an exchange that says when it runs and waits to be released.
func holding(running chan<- struct{}, release <-chan struct{}) func(caller.ExchangeRequest) (caller.Token, error) {
	return func(r caller.ExchangeRequest) (caller.Token, error) {
		close(running)
		<-release
		return caller.Token{AccessToken: wire.Secret("dbx-" + r.ClientID), Expiry: time.Now().Add(time.Hour)}, nil
	}
}
