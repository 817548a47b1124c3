// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"net/http"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Bearer puts a token on each request.
type Bearer struct {
	Token string
	Next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b Bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.Token)
	return b.Next.RoundTrip(r)
}

// Session is a session of an MCP client with an MCP service, such as main.shared.gh. The
// error is how the service refused it.
func (p *User) Session(t testing.TB, service string) (*mcp.ClientSession, error) {
	t.Helper()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint:   p.Host + "/ai-gateway/mcp-services/" + service,
		HTTPClient: &http.Client{Timeout: time.Minute, Transport: Bearer{p.Token, p.HTTP.Transport}},
		MaxRetries: -1, DisableStandaloneSSE: true,
	}, nil)
	if err == nil {
		t.Cleanup(func() { _ = session.Close() })
	}
	return session, err
}

// Tools are the names of the tools that an MCP service lists to the person. The error is
// how the service refused it.
func (p *User) Tools(t testing.TB, service string) ([]string, error) {
	t.Helper()
	session, err := p.Session(t, service)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for tool, err := range session.Tools(t.Context(), nil) {
		if err != nil {
			return nil, err
		}
		names = append(names, tool.Name)
	}
	return names, nil
}
