// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/upstream"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/registry"
)

// Exchanger exchanges a caller's token for one of its role's service principal.
type Exchanger interface {
	Exchange(ctx context.Context, r caller.ExchangeRequest) (caller.Token, error)
}

// Backend is how the server reaches one workspace. It carries no credential.
type Backend struct {
	Exchanger Exchanger
	// Tools are the clients of the tools.
	Tools registry.Clients
}

// Clients are HTTP clients that trust a workspace's certificates and share their
// connections.
type Clients struct {
	// Standard gives up after 35 s, and Long, for models and agents, after 120 s.
	Standard, Long *http.Client
	// Once makes each request once, and no breaker is told of it.
	Once *http.Client
}

// NewBackend makes the Backend of a workspace.
type NewBackend func(host string, c Clients) Backend

// Databricks is the Backend over the real wire.
func Databricks(host string, c Clients) Backend {
	return Backend{Exchanger: caller.NewExchanger(host, c.Standard), Tools: registry.Databricks(host, c.Standard, c.Long)}
}

// backend is a Backend with the clients whose connections to close when it is no longer used.
type backend struct {
	Backend
	key     [sha256.Size]byte
	clients Clients
}

// minRemaining is how much life a token must have left for a call to begin.
const minRemaining = 2 * time.Second

// session is what one call acts with. Nothing that it holds leads to the server's own
// identity.
type session struct {
	tokens  *caller.TokenCache
	metrics *metrics
	snap    *snapshot
	caller  *principal
}

// Token returns a token of the caller's role; see tools.Session.
func (c *session) Token(ctx context.Context, refused bool) (wire.Secret, error) {
	role := c.snap.doc.Roles[c.caller.Role]
	key := caller.TokenKey{
		Issuer: c.caller.Issuer, Subject: c.caller.Subject, ServicePrincipal: role.ApplicationID,
		Workspace: c.snap.doc.Workspace.Host, Scopes: role.Scopes, Source: c.caller.TokenHash,
	}
	if refused {
		c.tokens.Drop(key)
	}
	if time.Until(c.caller.Expires) < minRemaining {
		return "", tools.Errorf(tools.CodeExchangeDenied, "your token is about to expire; sign in again")
	}
	lifetime := time.Duration(c.snap.doc.Limits.MaxTokenLifetimeSeconds) * time.Second
	token, err := c.tokens.Token(ctx, key, lifetime, func(ctx context.Context) (caller.Token, error) {
		c.metrics.exchanges.Inc()
		got, err := c.snap.backend.Exchanger.Exchange(ctx, caller.ExchangeRequest{
			SubjectToken: wire.Secret(c.caller.Token.Reveal()), ClientID: role.ApplicationID, Scopes: role.Scopes,
		})
		if err != nil {
			c.metrics.exchangeErrors.Inc()
			return caller.Token{}, err
		}
		if got.Expiry.After(c.caller.Expires) {
			got.Expiry = c.caller.Expires
		}
		return got, nil
	})
	if err != nil {
		return "", exchangeFailure(ctx, err)
	}
	return token.AccessToken, nil
}

// exchangeFailure turns a refused or failed exchange into what the caller is told.
func exchangeFailure(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return tools.Errorf(tools.CodeDeadlineExceeded, "the call took longer than it may").Because(err)
	}
	var ee *caller.ExchangeError
	switch {
	case !errors.As(err, &ee):
		if open, ok := errors.AsType[*upstream.OpenError](err); ok {
			return tools.Errorf(tools.CodeUpstreamUnavailable, "Databricks is failing and is left alone for now").After(open.RetryAfter()).Because(err)
		}
		return tools.Errorf(tools.CodeUpstreamUnavailable, "Databricks cannot be reached; try again later").Because(err)
	case ee.Status == http.StatusTooManyRequests:
		return tools.Errorf(tools.CodeRateLimited, "Databricks limits the rate of sign-ins").After(max(ee.RetryAfter, time.Second)).Because(err)
	case ee.Status >= 500:
		return tools.Errorf(tools.CodeUpstreamUnavailable, "Databricks is not available at the moment; try again later").Because(err)
	case ee.Code == "invalid_scope":
		return tools.Errorf(tools.CodeExchangeDenied, "Databricks does not give your role the scopes that its tools need").Because(err)
	}
	return tools.Errorf(tools.CodeExchangeDenied, "Databricks does not accept your token for your role").Because(err)
}
