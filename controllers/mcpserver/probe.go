// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// probeTimeout bounds the questions to one pod.
const probeTimeout = 3 * time.Second

// prober asks a pod what it serves.
type prober interface {
	// Hash is the document that the pod enforces.
	Hash(ctx context.Context, ip string) (string, error)
	// Tools are what an MCP handshake lists, sorted.
	Tools(ctx context.Context, ip string) ([]string, error)
}

// httpProber asks over the second port, with the operator's own token for that.
type httpProber struct {
	tokenFile string
	client    *http.Client
}

func newProber(tokenFile string) *httpProber {
	p := &httpProber{tokenFile: tokenFile}
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: probeTimeout}).DialContext, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute}
	p.client = &http.Client{Transport: signed{p, transport}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return p
}

// signed puts the operator's token on a request.
type signed struct {
	prober *httpProber
	next   http.RoundTripper
}

func (s signed) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := os.ReadFile(s.prober.tokenFile) // kubelet rotates it
	if err != nil {
		return nil, errors.New("the operator's probe token cannot be read")
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(raw)))
	return s.next.RoundTrip(r)
}

func endpoint(ip, path string) string {
	return "http://" + net.JoinHostPort(ip, fmt.Sprint(portOperator)) + path
}

func (p *httpProber) Hash(ctx context.Context, ip string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint(ip, "/operator/status"), nil)
	if err != nil {
		return "", err
	}
	res, err := p.client.Do(r)
	if err != nil {
		return "", errors.New("the second port cannot be reached")
	}
	defer res.Body.Close() //nolint:errcheck // read only
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the second port answered %d", res.StatusCode)
	}
	var status struct {
		Hash    string `json:"hash"`
		Problem string `json:"problem"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&status); err != nil {
		return "", errors.New("the second port answered no status")
	}
	if status.Problem != "" {
		return status.Hash, errors.New(status.Problem)
	}
	return status.Hash, nil
}

func (p *httpProber) Tools(ctx context.Context, ip string) ([]string, error) {
	c := mcp.NewClient(&mcp.Implementation{Name: "gatehouse-operator", Version: "1"}, nil)
	session, err := c.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: endpoint(ip, "/operator/mcp"), HTTPClient: p.client, DisableStandaloneSSE: true, MaxRetries: -1,
	}, nil)
	if err != nil {
		return nil, errors.New("the MCP handshake failed")
	}
	defer session.Close() //nolint:errcheck // stateless: there is nothing to close at the other end
	var out []string
	for tool, err := range session.Tools(ctx, nil) {
		if err != nil {
			return nil, errors.New("the MCP handshake listed no tools")
		}
		out = append(out, tool.Name)
	}
	slices.Sort(out)
	return out, nil
}
