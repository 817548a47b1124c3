// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/databricks/databricks-sdk-go/httpclient"

	"github.com/gatehouse-dev/gatehouse/internal/coalesce"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// Endpoint is an account and one workspace of it, with how the operator signs
// in. Exactly one of TokenFile and ClientSecret is set.
type Endpoint struct {
	AccountHost, AccountID     string
	WorkspaceHost, WorkspaceID string
	// CABundle holds certificates in PEM; empty stands for the system's.
	CABundle string
	// ClientID is the application id of the operator's service principal.
	ClientID string
	// TokenFile is the path of a projected service account token.
	TokenFile    string
	ClientSecret wire.Secret
}

// PoolOptions are what a Pool is made of.
type PoolOptions struct {
	// UserAgent names the program to Databricks. Required.
	UserAgent string
	// CallTimeout is how long a call may take without a byte. Default 20 s.
	CallTimeout time.Duration
	// RequestsPerSecond bounds the calls to each host. Default 15, the SDK's.
	RequestsPerSecond int
	// Fence says before each call that writes whether this process may still write. Default: it may.
	Fence func() error
}

// Pool holds one Client for each Endpoint, so that its tokens and its limiter are shared.
type Pool struct {
	opts    PoolOptions
	mu      sync.Mutex
	clients map[Endpoint]*Client
}

// NewPool makes a Pool.
func NewPool(o PoolOptions) *Pool {
	if o.CallTimeout <= 0 {
		o.CallTimeout = 20 * time.Second
	}
	if o.RequestsPerSecond <= 0 {
		o.RequestsPerSecond = 15
	}
	return &Pool{opts: o, clients: map[Endpoint]*Client{}}
}

// Client returns the client of an endpoint. It makes no call.
func (p *Pool) Client(e Endpoint) (*Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.clients[e]; c != nil {
		return c, nil
	}
	c, err := newClient(e, p.opts)
	if err != nil {
		return nil, err
	}
	for old := range p.clients { // a changed credential or certificate replaces the client
		if old.WorkspaceHost == e.WorkspaceHost && old.AccountID == e.AccountID && old.ClientID == e.ClientID {
			delete(p.clients, old)
		}
	}
	p.clients[e] = c
	return c, nil
}

// Client calls one account and one workspace as the operator. It is safe for
// concurrent use.
type Client struct {
	endpoint  Endpoint
	account   *api
	workspace *api
	serial    keyedMutex
	cache     *coalesce.Cache

	// What many Roles want at the same time is asked for, and written, for all of them.
	grants       coalesce.Group[string, map[string][]string]
	entriesOf    coalesce.Group[struct{}, []Permission]
	assigned     coalesce.Group[struct{}, map[string][]string]
	groups       coalesce.Group[struct{}, *Group]
	grantChanges coalesce.Writes[grantChange]
	levelChanges coalesce.Writes[Permission]
	memberships  coalesce.Writes[Member]
}

func newClient(e Endpoint, o PoolOptions) (*Client, error) {
	e.AccountHost, e.WorkspaceHost = strings.TrimSuffix(e.AccountHost, "/"), strings.TrimSuffix(e.WorkspaceHost, "/")
	if (e.TokenFile == "") == (e.ClientSecret == "") {
		return nil, errors.New("exactly one of a token file and a client secret must be given")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // the standard library's own
	transport.Proxy = nil
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if e.CABundle != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(e.CABundle)) {
			return nil, errors.New("the CA bundle holds no certificate")
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	plain := &http.Client{Transport: transport, Timeout: o.CallTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	exchanger := caller.NewExchanger(e.WorkspaceHost, plain)
	serve := func(host string, tokenURL func(context.Context) (string, error)) *api {
		s := &source{endpoint: e, client: plain, tokenURL: tokenURL, now: time.Now}
		return newAPI(host, s, transport, o)
	}
	return &Client{
		endpoint:  e,
		account:   serve(e.AccountHost, accountTokenURL(e)),
		workspace: serve(e.WorkspaceHost, exchanger.TokenEndpoint),
		cache:     coalesce.NewCache(),
	}, nil
}

// api is one host, called through the SDK's HTTP client.
type api struct {
	host   string
	source *source
	fence  func() error
	gates  wire.Gates
	client *httpclient.ApiClient
}

func newAPI(host string, s *source, transport http.RoundTripper, o PoolOptions) *api {
	return &api{host: host, source: s, fence: o.Fence, client: httpclient.NewApiClient(httpclient.ClientConfig{
		Host:               host,
		Transport:          onceOnly{transport},
		HTTPTimeout:        o.CallTimeout,
		RetryTimeout:       o.CallTimeout,
		RateLimitPerSecond: o.RequestsPerSecond,
		// The queue retries, with what the answer says of when; the SDK would hold a worker, ignore Retry-After and repeat POSTs.
		ErrorRetriable: func(context.Context, error) bool { return false },
		ErrorMapper:    answerError,
		Visitors: []httpclient.RequestVisitor{func(r *http.Request) error {
			r.Header.Set("User-Agent", o.UserAgent)
			r.Header.Set("Accept", "application/json")
			return nil
		}},
	})}
}

// onceOnly hides from the SDK that a write was lost on the way: it would send it
// again, and the first may have taken effect.
type onceOnly struct{ http.RoundTripper }

var errAnswerLost = errors.New("the answer was lost; the call may have taken effect")

func (t onceOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(r)
	if err != nil && r.Method != http.MethodGet && r.Context().Err() == nil {
		return nil, errAnswerLost
	}
	return res, err
}

// errFenced marks that nothing was sent, because another process may be writing by now.
var errFenced = errors.New("not sent")

// do calls and decodes the answer into out, if given. The path is built by path,
// from checked parts. A token that is answered with 401 is fetched anew, once.
func (a *api) do(ctx context.Context, method, path string, query map[string]any, body, out any) error {
	for attempt := 0; ; attempt++ {
		token, err := a.source.get(ctx)
		if err != nil {
			return signInFault(err)
		}
		err = a.call(ctx, token, method, path, query, body, out)
		var ae *answer
		if errors.As(err, &ae) && ae.StatusCode == http.StatusUnauthorized && attempt == 0 {
			a.source.forget(token)
			continue
		}
		return classify(err)
	}
}

func (a *api) call(ctx context.Context, token wire.Secret, method, path string, query map[string]any, body, out any) error {
	options := []httpclient.DoOption{httpclient.WithRequestHeader("Authorization", "Bearer "+token.Reveal())}
	if query != nil {
		options = append(options, httpclient.WithQueryParameters(query))
	}
	if body != nil {
		raw, err := json.Marshal(body) // encoded here: the SDK drops empty lists
		if err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
		options = append(options, httpclient.WithRequestData(raw), httpclient.WithRequestHeader("Content-Type", "application/json"))
	}
	if a.fence != nil && method != http.MethodGet {
		if err := a.fence(); err != nil {
			return errors.Join(errFenced, err)
		}
	}
	if err := a.gates.Pass(method, path); err != nil {
		return err
	}
	var raw []byte
	options = append(options, httpclient.WithResponseUnmarshal(&raw))
	if err := a.client.Do(ctx, method, a.host+path, options...); err != nil {
		a.gates.Close(method, path, retryAfter(err))
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		// Never an empty result: that would read as "nothing exists".
		return wire.ErrUnexpectedAnswer
	}
	return nil
}

// keyedMutex serialises read-modify-write on one object.
type keyedMutex struct{ locks sync.Map }

func (k *keyedMutex) lock(key string) func() {
	v, _ := k.locks.LoadOrStore(key, &sync.Mutex{})
	m := v.(*sync.Mutex) //nolint:forcetypeassert // only mutexes are stored
	m.Lock()
	return m.Unlock
}
