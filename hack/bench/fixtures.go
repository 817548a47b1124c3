// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// The tool that is called.
const (
	toolName        = "get_region_summary"
	toolDescription = "Deals and revenue of a region."
	statement       = "SELECT region, COUNT(*) AS deals, SUM(amount) AS total FROM main.sales.deals WHERE region = :region GROUP BY region LIMIT :limit"
	inputSchema     = `{"type":"object","properties":{"region":{"type":"string","enum":["WEST","EAST"]},"limit":{"type":"integer","minimum":1,"maximum":50}},"required":["region"],"additionalProperties":false}`
	maxRows         = 50
	warehouse       = "wh-bench"
)

// Who calls.
const (
	issuerURL = "https://idp.example.com/"
	resource  = "https://tools.example.com/mcp"
	roleName  = "sales/west"
)

// revision is that of the protocol, in which a stateless call needs no handshake.
const revision = "2026-07-28"

// provider is an identity provider: its key, and the folder where its key set is.
type provider struct {
	signer jose.Signer
	keys   string
}

func newProvider(dir string) (*provider, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, &jose.SignerOptions{
		ExtraHeaders: map[jose.HeaderKey]any{"kid": "k1", "typ": "at+jwt"},
	})
	if err != nil {
		return nil, fmt.Errorf("make a signer: %w", err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}}
	p := &provider{signer, filepath.Join(dir, "jwks.json")}
	if err := os.WriteFile(p.keys, encoded(set), 0o600); err != nil {
		return nil, fmt.Errorf("write the key set: %w", err)
	}
	return p, nil
}

// token is a JWT such as identity providers issue, of one user.
func (p *provider) token(user string) (string, error) {
	now := time.Now().Unix()
	signed, err := p.signer.Sign(encoded(map[string]any{
		"iss": issuerURL, "sub": "auth0|" + user, "aud": []string{resource}, "iat": now, "exp": now + 7200, "jti": rand.Text(),
		"azp": "portal", "scope": "openid profile email", "email": user + "@partner.example", "name": "A User",
		"https://gatehouse.dev/role": "west",
	}))
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed.CompactSerialize()
}

// writeDocument writes the access document of a server with every fence on. Limits
// are declared, and high enough to let everything through.
func writeDocument(dir string, up ready) error {
	plenty := &access.Rate{Max: 100_000_000, WindowMillis: 60_000, Declared: 100_000_000}
	d, err := access.Document{
		Version: access.DocumentVersion, Server: "sales/tools", Pattern: "Federation", Resource: resource,
		Workspace: access.Workspace{Name: "main", Host: up.URL, CABundle: up.CA, WarehouseID: warehouse},
		Issuers: []access.Issuer{{
			Policy: "sales/auth0", Issuer: issuerURL, Audiences: []string{resource}, JWKSURI: up.URL + pathKeys, CABundle: up.CA,
			Algorithms: []string{"RS256"}, TokenType: "AccessToken", RoleClaim: "https://gatehouse.dev/role",
			EmailClaim: "email", NameClaim: "name", AllowedClients: []string{"portal"}, Network: "Any",
			Subjects: map[string]string{"west": roleName},
		}},
		Roles:  map[string]access.Role{roleName: {ApplicationID: "aaaaaaaa-0000-4000-8000-000000000001", Scopes: []string{"sql"}}},
		Matrix: map[string][]string{roleName: {toolName}},
		Tools: []access.Tool{{
			Name: toolName, Description: toolDescription, InputSchema: json.RawMessage(inputSchema), ReadOnly: true, Idempotent: true,
			Limits: &access.ToolLimits{All: plenty, PerCaller: plenty},
			SQL: &access.SQLTool{Statement: statement, MaxRows: maxRows, Parameters: []access.Parameter{
				{Name: "region", Type: "STRING"}, {Name: "limit", Type: "INT"},
			}},
		}},
		Limits:         access.Limits{MaxTokenLifetimeSeconds: 3600, MaxBodyBytes: 64 << 10, MaxConcurrentCalls: 2000, CallTimeoutSeconds: 35, PerCaller: plenty},
		DeniedSubjects: []access.Subject{{Issuer: issuerURL, Subject: "auth0|somebody-else"}},
	}.Seal()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, access.DocumentKey), encoded(d), 0o600); err != nil {
		return fmt.Errorf("write the access document: %w", err)
	}
	return nil
}

// recorded is the HTTP request of a tool call, as the official client makes it.
type recorded struct {
	header http.Header
	body   []byte
}

// record calls the tool once with the official client and keeps what it sent.
func record(ctx context.Context, url string) (*recorded, error) {
	r := &recorder{}
	client := mcp.NewClient(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: url + "/mcp", MaxRetries: -1, DisableStandaloneSSE: true, HTTPClient: &http.Client{Transport: r},
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("connect the official client: %w", err)
	}
	defer func() { _ = session.Close() }()
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: toolName, Arguments: map[string]any{"region": "WEST", "limit": 5}})
	if err != nil || result.IsError {
		return nil, fmt.Errorf("call the tool with the official client: %w", err)
	}
	if r.call == nil || r.call.header.Get("Mcp-Protocol-Version") != revision {
		return nil, fmt.Errorf("the official client does not speak %s", revision)
	}
	return r.call, nil
}

type recorder struct{ call *recorded }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Mcp-Method") == "tools/call" && req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		r.call = &recorded{req.Header.Clone(), body}
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	return http.DefaultTransport.RoundTrip(req)
}

// request is the recorded call as one caller sends it to one server.
func (r *recorded) request(address, token string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST /mcp HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nAuthorization: Bearer %s\r\n", address, len(r.body), token)
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		for _, v := range r.header[name] {
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	b.WriteString("\r\n")
	b.Write(r.body)
	return b.Bytes()
}
