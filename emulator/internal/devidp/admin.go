// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package devidp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// order is a token made by hand, wrong on purpose if need be.
type order struct {
	User     string   `json:"user"`
	Audience []string `json:"audience"`
	// Claims replace claims; null removes one.
	Claims map[string]any `json:"claims"`
	// ExpiresIn is in seconds; a negative one makes an expired token. Default the provider's lifetime.
	ExpiresIn *int64 `json:"expires_in"`
	// Alg is RS256, HS256 (signed with the public key as the secret) or none. Default RS256.
	Alg string `json:"alg"`
	// Kid replaces the key's id in the header.
	Kid string `json:"kid"`
	// Foreign signs with a key that is not published.
	Foreign bool   `json:"foreign_key"`
	Typ     string `json:"typ"`
}

// admin serves tests and demos: tokens made by hand, new keys, new users.
func (p *Provider) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("POST /admin/tokens", func(w http.ResponseWriter, r *http.Request) {
		var o order
		if !decode(w, r, &o) {
			return
		}
		token, err := p.mint(o)
		if err != nil {
			reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		reply(w, http.StatusOK, map[string]string{"token": token})
	})
	mux.HandleFunc("POST /admin/rotate", func(w http.ResponseWriter, r *http.Request) {
		if err := p.storage.keys.rotate(r.URL.Query().Get("drop") == "true"); err != nil {
			reply(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
			return
		}
		reply(w, http.StatusOK, map[string]string{"kid": p.storage.keys.signing().id})
	})
	mux.HandleFunc("POST /admin/users", func(w http.ResponseWriter, r *http.Request) {
		var u User
		if !decode(w, r, &u) {
			return
		}
		if err := u.check(); err != nil {
			reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		p.storage.put(u)
		reply(w, http.StatusOK, map[string]string{"name": u.Name})
	})
	return mux
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return false
	}
	return true
}

func (p *Provider) mint(o order) (string, error) {
	u, ok := p.storage.user(func(u User) bool { return u.Name == o.User })
	if !ok {
		return "", fmt.Errorf("there is no user %q", o.User)
	}
	lifetime := p.opts.Lifetime
	if o.ExpiresIn != nil {
		lifetime = time.Duration(*o.ExpiresIn) * time.Second
	}
	if len(o.Audience) == 0 {
		o.Audience = p.opts.Config.Audiences
	}
	now := time.Now()
	claims := map[string]any{
		"iss": p.opts.Issuer, "sub": u.subject(), "aud": o.Audience, "email": u.Email, "jti": uuid.NewString(),
		"iat": min(now.Unix(), now.Add(lifetime).Unix()), "exp": now.Add(lifetime).Unix(),
	}
	maps.Copy(claims, u.Claims)
	maps.Copy(claims, o.Claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return p.sign(o, payload)
}

func (p *Provider) sign(o order, payload []byte) (string, error) {
	k := p.storage.keys.signing()
	kid, typ := k.id, "JWT"
	if o.Kid != "" {
		kid = o.Kid
	}
	if o.Typ != "" {
		typ = o.Typ
	}
	signing := jose.SigningKey{Algorithm: jose.RS256, Key: k.private}
	switch {
	case o.Alg == "none":
		header, err := json.Marshal(map[string]string{"alg": "none", "typ": typ, "kid": kid})
		if err != nil {
			return "", err
		}
		encode := base64.RawURLEncoding.EncodeToString
		return encode(header) + "." + encode(payload) + ".", nil
	case o.Alg == "HS256":
		der, err := x509.MarshalPKIXPublicKey(&k.private.PublicKey)
		if err != nil {
			return "", err
		}
		signing = jose.SigningKey{Algorithm: jose.HS256, Key: der}
	case !slices.Contains([]string{"", "RS256"}, o.Alg):
		return "", errors.New("alg must be RS256, HS256 or none")
	case o.Foreign:
		foreign, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return "", err
		}
		signing.Key = foreign
	}
	signer, err := jose.NewSigner(signing, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", kid))
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
