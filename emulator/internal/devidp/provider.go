// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package devidp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Options are what a Provider is made of.
type Options struct {
	Config Config
	// Issuer is the provider's name in tokens, to the byte.
	Issuer string
	// StateDir keeps the keys over a restart; empty keeps none.
	StateDir string
	// Lifetime is how long a token is good. Default one hour.
	Lifetime time.Duration
	// PasswordGrant lets users log in without a browser.
	PasswordGrant bool
	Log           *slog.Logger
}

// Provider is the identity provider.
type Provider struct {
	// Public is what applications and servers talk to; Admin is for tests and demos.
	Public, Admin http.Handler
	opts          Options
	storage       *storage
	op            op.OpenIDProvider
}

// audienceKey carries the audience of a request through op.
type audienceKey struct{}

const (
	tokenPath = "/oauth/token"
	keysPath  = "/.well-known/jwks.json"
)

// New makes a provider.
func New(o Options) (*Provider, error) {
	if err := o.Config.check(); err != nil {
		return nil, err
	}
	if o.Lifetime <= 0 {
		o.Lifetime = time.Hour
	}
	keys, err := openKeys(o.StateDir)
	if err != nil {
		return nil, err
	}
	p := &Provider{opts: o, storage: &storage{keys: keys, lifetime: o.Lifetime, config: o.Config}}
	config := &op.Config{AuthMethodPost: true, SupportedScopes: []string{"openid", "profile", "email"}}
	if _, err := rand.Read(config.CryptoKey[:]); err != nil {
		return nil, err
	}
	options := []op.Option{
		op.WithCustomTokenEndpoint(op.NewEndpoint(tokenPath)), op.WithCustomKeysEndpoint(op.NewEndpoint(keysPath)), op.WithLogger(o.Log),
	}
	if strings.HasPrefix(o.Issuer, "http://") {
		options = append(options, op.WithAllowInsecure())
	}
	provider, err := op.NewProvider(config, p.storage, op.StaticIssuer(o.Issuer), options...)
	if err != nil {
		return nil, fmt.Errorf("make the provider: %w", err)
	}
	p.op = provider
	p.Public, p.Admin = p.public(provider), p.admin()
	return p, nil
}

// public serves what the provider really offers, and nothing else of op's.
func (p *Provider) public(provider http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.Handle("GET "+keysPath, provider)
	mux.Handle("GET /healthz", provider)
	mux.HandleFunc("POST "+tokenPath, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		if err := r.ParseForm(); err != nil {
			refuse(w, oidc.ErrInvalidRequest().WithDescription("the form cannot be read"))
			return
		}
		asked := append(r.Form["audience"], r.Form["resource"]...)
		ctx := op.ContextWithIssuer(context.WithValue(r.Context(), audienceKey{}, asked), p.opts.Issuer)
		if r.PostForm.Get("grant_type") == "password" {
			p.password(w, r.WithContext(ctx))
			return
		}
		provider.ServeHTTP(w, r.WithContext(ctx))
	})
	return mux
}

// discovery is op's document without what needs a browser.
func (p *Provider) discovery(w http.ResponseWriter, r *http.Request) {
	d := op.CreateDiscoveryConfig(op.ContextWithIssuer(r.Context(), p.opts.Issuer), p.op, p.storage)
	d.AuthorizationEndpoint, d.EndSessionEndpoint, d.DeviceAuthorizationEndpoint = "", "", ""
	d.UserinfoEndpoint, d.IntrospectionEndpoint, d.RevocationEndpoint, d.CheckSessionIframe = "", "", "", ""
	d.ResponseTypesSupported, d.ResponseModesSupported = []string{}, nil
	d.GrantTypesSupported = []oidc.GrantType{oidc.GrantTypeClientCredentials}
	if p.opts.PasswordGrant {
		d.GrantTypesSupported = append(d.GrantTypesSupported, "password")
	}
	reply(w, http.StatusOK, d)
}

// password serves the resource owner password grant.
func (p *Provider) password(w http.ResponseWriter, r *http.Request) {
	if !p.opts.PasswordGrant {
		refuse(w, oidc.ErrUnsupportedGrantType().WithDescription("the password grant is off"))
		return
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	c, err := p.storage.client(id)
	if err != nil || c.Secret != "" && !same(c.Secret, secret) {
		refuse(w, oidc.ErrInvalidClient().WithDescription("the client is not known or its secret is wrong"))
		return
	}
	name, password := r.PostForm.Get("username"), r.PostForm.Get("password")
	u, ok := p.storage.user(func(u User) bool { return u.Name == name || u.Email == name })
	if !same(u.Password, password) || !ok {
		refuse(w, oidc.ErrInvalidGrant().WithDescription("wrong user name or password"))
		return
	}
	asked, _ := r.Context().Value(audienceKey{}).([]string)
	audience, err := p.storage.audience(asked)
	if err != nil {
		refuse(w, err)
		return
	}
	request := grant{subject: u.subject(), client: c.ID, audience: audience, scopes: strings.Fields(r.PostForm.Get("scope")), at: time.Now()}
	response, err := op.CreateTokenResponse(r.Context(), request, c, p.op, true, "", "")
	if err != nil {
		p.opts.Log.Error("Failed to issue a token", "err", err)
		refuse(w, oidc.ErrServerError())
		return
	}
	response.IDToken = "" // nobody asked to know who logged in
	w.Header().Set("Cache-Control", "no-store")
	reply(w, http.StatusOK, response)
}

// refuse answers as RFC 6749 section 5.2 says.
func refuse(w http.ResponseWriter, err error) {
	known, ok := errors.AsType[*oidc.Error](err)
	if !ok {
		known = oidc.ErrServerError()
	}
	status := http.StatusBadRequest
	if known.ErrorType == oidc.InvalidClient {
		status = http.StatusUnauthorized
	}
	reply(w, status, map[string]string{"error": string(known.ErrorType), "error_description": known.Description})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
