// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"crypto"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/identity/identitytest"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/registry"
)

const (
	issuerURL = "https://idp.example.com/"
	resource  = "https://tools.example.com/mcp"
	westApp   = "aaaaaaaa-0000-4000-8000-000000000001"
	execApp   = "aaaaaaaa-0000-4000-8000-000000000002"
	patience  = 30 * time.Second
)

// signer is a key of the test's identity provider.
type signer struct {
	id  string
	key crypto.Signer
}

func rsaSigner(t testing.TB, id string) signer {
	t.Helper()
	return signer{id, identitytest.NewKey(t, id).Signer}
}

func (s signer) public(alg string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.Public(), KeyID: s.id, Algorithm: alg, Use: "sig"}
}

// sign makes a JWT with the claims as they are.
func sign(t testing.TB, key any, alg jose.SignatureAlgorithm, headers map[jose.HeaderKey]any, payload []byte) string {
	t.Helper()
	return identitytest.Sign(t, key, alg, headers, payload)
}

type claimSet map[string]any

func goodClaims(role string) claimSet {
	now := time.Now().Unix()
	return claimSet{
		"iss": issuerURL, "sub": "auth0|" + role, "aud": resource, "iat": now, "exp": now + 600,
		"azp": "portal", "email": role + "@partner.example", "name": "A User", "https://gatehouse.dev/role": role,
	}
}

func (c claimSet) with(k string, v any) claimSet { return claimSet(identitytest.Claims(c).With(k, v)) }

func (c claimSet) json(t testing.TB) []byte {
	t.Helper()
	return identitytest.Claims(c).JSON(t)
}

// clock runs ahead of the true one.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// workspace is a Databricks that records what is asked of it. The real wire is
// tested with the emulator; here the questions are who asks, how often and with what.
type workspace struct {
	mu        sync.Mutex
	exchanges []caller.ExchangeRequest
	tokens    []wire.Secret
	asked     []wire.StatementRequest
	exchange  func(caller.ExchangeRequest) (caller.Token, error)
	execute   func(context.Context, wire.Secret, wire.StatementRequest) (*wire.StatementResult, error)
}

func (w *workspace) Exchange(_ context.Context, r caller.ExchangeRequest) (caller.Token, error) {
	w.mu.Lock()
	w.exchanges = append(w.exchanges, r)
	f := w.exchange
	w.mu.Unlock()
	if f != nil {
		return f(r)
	}
	return caller.Token{AccessToken: wire.Secret("dbx-" + r.ClientID), Expiry: time.Now().Add(10 * time.Minute)}, nil
}

func (w *workspace) Execute(ctx context.Context, token wire.Secret, r wire.StatementRequest) (*wire.StatementResult, error) {
	w.mu.Lock()
	w.tokens, w.asked = append(w.tokens, token), append(w.asked, r)
	f := w.execute
	w.mu.Unlock()
	if f != nil {
		return f(ctx, token, r)
	}
	who, yes := strings.TrimPrefix(token.Reveal(), "dbx-"), "true"
	return &wire.StatementResult{
		Columns: []wire.ResultColumn{{Name: "who", Type: "STRING"}, {Name: "g0", Type: "BOOLEAN"}},
		Rows:    [][]*string{{&who, &yes}}, TotalRows: 1,
	}, nil
}

func (w *workspace) counts() (exchanges, statements int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.exchanges), len(w.asked)
}

// gate is a running server with its identity provider.
type gate struct {
	t         testing.TB
	key       signer
	dir       string
	workspace *workspace
	server    *server.Server
	main      *httptest.Server
	operator  *httptest.Server
	logs      *safeBuffer
}

type safeBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

type reviewer struct{}

func (reviewer) Review(_ context.Context, token string) (string, error) {
	if name, ok := strings.CutPrefix(token, "cluster-token-of-"); ok {
		return name, nil
	}
	return "", nil
}

const operatorName = "system:serviceaccount:gatehouse-system:gatehouse-operator"

// document is a server with two roles and three tools: west may call two of them.
func document(t testing.TB, keys ...jose.JSONWebKey) access.Document {
	t.Helper()
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	noArguments := json.RawMessage(`{"type":"object","properties":{},"additionalProperties":false}`)
	return access.Document{
		Version: access.DocumentVersion, Server: "sales/tools", Pattern: "Federation", Resource: resource,
		Workspace: access.Workspace{Name: "main", Host: "https://main.example.com", WarehouseID: "wh1"},
		Issuers: []access.Issuer{{
			Policy: "sales/auth0", Issuer: issuerURL, Audiences: []string{resource}, JWKS: string(jwks),
			Algorithms: []string{"RS256", "ES256"}, TokenType: "AccessToken", RoleClaim: "https://gatehouse.dev/role",
			EmailClaim: "email", NameClaim: "name", AllowedClients: []string{"portal"}, Network: "Public",
			Subjects: map[string]string{"west": "sales/west", "exec": "sales/exec"},
		}},
		Roles: map[string]access.Role{
			"sales/west": {ApplicationID: westApp, Scopes: []string{"sql"}},
			"sales/exec": {ApplicationID: execApp, Scopes: []string{"sql"}},
		},
		Matrix: map[string][]string{
			"sales/west": {"check_identity", "query_sales_data"},
			"sales/exec": {"check_identity", "query_audit_log", "query_sales_data"},
		},
		Tools: []access.Tool{
			{Name: "check_identity", Description: "Who am I", InputSchema: noArguments, ReadOnly: true, Idempotent: true, Identity: &access.IdentityTool{Groups: []string{"sales_west"}}},
			{Name: "query_audit_log", Description: "Audit", InputSchema: noArguments, ReadOnly: true, Idempotent: true, SQL: &access.SQLTool{Statement: "SELECT 1 AS one", MaxRows: 10}},
			{
				Name: "query_sales_data", Description: "Deals", ReadOnly: true, Idempotent: true,
				InputSchema: json.RawMessage(`{"type":"object","properties":{"region":{"type":"string","enum":["WEST","EAST"]},"limit":{"type":"integer","minimum":1,"maximum":50},"big":{"type":"integer"},"note":{"type":"string","maxLength":8,"pattern":"^[a-z]*$"}},"additionalProperties":false}`),
				SQL: &access.SQLTool{
					Statement: "SELECT * FROM main.sales.deals WHERE region = :region LIMIT :limit", MaxRows: 2,
					Parameters: []access.Parameter{{Name: "region", Type: "STRING"}, {Name: "limit", Type: "INT"}, {Name: "big", Type: "BIGINT"}},
				},
			},
		},
		Limits: access.Limits{MaxTokenLifetimeSeconds: 3600, MaxBodyBytes: 4096, MaxConcurrentCalls: 64, CallTimeoutSeconds: 20},
	}
}

// write puts a document where kubelet would.
func write(t testing.TB, dir string, d access.Document) access.Document {
	t.Helper()
	sealed, err := d.Seal()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(sealed)
	if err != nil {
		t.Fatal(err)
	}
	writeRaw(t, dir, raw)
	return sealed
}

func writeRaw(t testing.TB, dir string, raw []byte) {
	t.Helper()
	tmp := filepath.Join(dir, ".next")
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, access.DocumentKey)); err != nil {
		t.Fatal(err)
	}
}

// start runs a server over a folder that may still be empty.
func start(t testing.TB, change ...func(*server.Options)) *gate {
	t.Helper()
	g := &gate{t: t, key: rsaSigner(t, "k1"), dir: t.TempDir(), workspace: &workspace{}, logs: &safeBuffer{}}
	o := server.Options{
		AccessDir: g.dir, OperatorName: operatorName, Reviewer: reviewer{}, ReloadInterval: 5 * time.Millisecond,
		NewBackend: func(string, server.Clients) server.Backend {
			return server.Backend{Exchanger: g.workspace, Tools: registry.Clients{Statements: g.workspace}}
		},
		Log: slog.New(slog.NewJSONHandler(g.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&o)
	}
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	g.server, g.main, g.operator = s, httptest.NewServer(s.Handler()), httptest.NewServer(s.OperatorHandler())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.Watch(ctx) }()
	t.Cleanup(func() { cancel(); <-done; g.main.Close(); g.operator.Close() })
	return g
}

// serving is start with the standard document served.
func serving(t testing.TB, change ...func(*access.Document)) *gate {
	t.Helper()
	g := start(t)
	d := document(t, g.key.public("RS256"))
	for _, c := range change {
		c(&d)
	}
	g.serve(d)
	return g
}

// serve writes a document and waits until it is the one being enforced.
func (g *gate) serve(d access.Document) {
	g.t.Helper()
	sealed := write(g.t, g.dir, d)
	g.eventually("the document is served", func() bool { return g.server.Status().Hash == sealed.Hash })
}

func (g *gate) eventually(what string, ok func() bool) {
	g.t.Helper()
	deadline := time.Now().Add(patience)
	for tick := time.NewTicker(2 * time.Millisecond); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			g.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// token is a good token of a role.
func (g *gate) token(role string) string { return g.signed(goodClaims(role)) }

func (g *gate) signed(c claimSet) string {
	g.t.Helper()
	return sign(g.t, g.key.key, jose.RS256, map[jose.HeaderKey]any{"kid": g.key.id, "typ": "at+jwt"}, c.json(g.t))
}

// post sends a raw JSON-RPC request, as a client that keeps no rules could.
func (g *gate) post(token, body string, headers map[string]string) (*http.Response, string) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.main.URL+server.Path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Host = "tools.example.com"
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Mcp-Protocol-Version", "2025-11-25")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for k, v := range headers {
		if k == "Host" {
			req.Host = v
			continue
		}
		if v == "" {
			req.Header.Del(k)
			continue
		}
		req.Header[k] = []string{v} // as written: underscores and case are part of the attack
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
	return res, string(raw)
}

const listRequest = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`

// client connects the official client as a role, in one era of the protocol.
func (g *gate) client(token, version string) *mcp.ClientSession {
	g.t.Helper()
	c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := c.Connect(g.t.Context(), &mcp.StreamableClientTransport{
		Endpoint: g.main.URL + server.Path, MaxRetries: -1, DisableStandaloneSSE: true,
		HTTPClient: &http.Client{Transport: authorized{token}},
	}, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		g.t.Fatalf("connect in %s: %v", version, err)
	}
	g.t.Cleanup(func() { _ = session.Close() })
	return session
}

type authorized struct{ token string }

func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = "tools.example.com"
	r.Header.Set("Authorization", "Bearer "+a.token)
	return http.DefaultTransport.RoundTrip(r)
}

// answer is the envelope as a program reads it.
type answer struct {
	Status    string `json:"status"`
	RequestID string `json:"request_id"`
	Error     struct {
		Code         string `json:"code"`
		Message      string `json:"message"`
		RetryAfterMS int64  `json:"retry_after_ms"`
	} `json:"error"`
	Identity *struct {
		Email       string          `json:"email"`
		Role        string          `json:"role"`
		CurrentUser string          `json:"current_user"`
		Groups      map[string]bool `json:"groups"`
	} `json:"identity"`
	Message        string           `json:"message"`
	ConversationID string           `json:"conversation_id"`
	Rows           []map[string]any `json:"rows"`
	Truncated      bool             `json:"truncated"`
	TotalRows      int64            `json:"total_rows"`
}

// ask calls a tool and reads the envelope.
func ask(t testing.TB, s *mcp.ClientSession, tool string, args any) answer {
	t.Helper()
	if args == nil {
		args = map[string]any{}
	}
	res, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		t.Fatalf("call %s: %v", tool, err)
	}
	raw, err := json.Marshal(res.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	if res.IsError != (a.Status == "error") {
		t.Errorf("isError is %v for status %q", res.IsError, a.Status)
	}
	return a
}
