// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

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
	// RequestsPerSecond bounds the calls to each host. Default 15, as the SDK's own.
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
	endpoint    Endpoint
	workspaceID int64
	plain       *http.Client
	account     account
	workspace   workspace
	serial      keyedMutex
	cache       *coalesce.Cache

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
	workspaceID, err := strconv.ParseInt(e.WorkspaceID, 10, 64)
	if err != nil {
		return nil, errors.New("the id of the workspace is not a number")
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
	account, err := newSDK(e.AccountHost, e.AccountID, &source{endpoint: e, client: plain, tokenURL: accountTokenURL(e), now: time.Now}, transport, o)
	if err != nil {
		return nil, err
	}
	exchanger := caller.NewExchanger(e.WorkspaceHost, plain)
	workspace, err := newSDK(e.WorkspaceHost, "", &source{endpoint: e, client: plain, tokenURL: exchanger.TokenEndpoint, now: time.Now}, transport, o)
	if err != nil {
		return nil, err
	}
	return &Client{
		endpoint: e, workspaceID: workspaceID, plain: plain,
		account: newAccount(account), workspace: newWorkspace(workspace),
		cache: coalesce.NewCache(),
	}, nil
}

// keyedMutex serialises read-modify-write on one object.
type keyedMutex struct{ locks sync.Map }

func (k *keyedMutex) lock(key string) func() {
	v, _ := k.locks.LoadOrStore(key, &sync.Mutex{})
	m := v.(*sync.Mutex) //nolint:forcetypeassert // only mutexes are stored
	m.Lock()
	return m.Unlock
}
