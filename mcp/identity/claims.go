// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/strictjson"
)

// times are the claims that say when a token is valid.
type times struct {
	expires   time.Time
	notBefore time.Time
	issuedAt  time.Time
}

// claims are the facts of a verified token that are used here.
type claims struct {
	times
	issuer   string
	subject  string
	audience []string
	client   string
	// idToken says that the token carries what only an ID token carries.
	idToken bool
	all     map[string]any
}

// text returns a claim that is one string; anything else is "".
func (c claims) text(name string) string {
	s, _ := c.all[name].(string)
	return s
}

// parseClaims reads the payload of a token whose signature was verified.
func parseClaims(payload []byte) (claims, error) {
	if err := strictjson.Object(payload); err != nil {
		return claims{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	c := claims{}
	if err := dec.Decode(&c.all); err != nil {
		return claims{}, errors.New("the payload is not a JSON object")
	}
	c.issuer, c.subject = c.text("iss"), c.text("sub")
	if c.issuer == "" || c.subject == "" {
		return claims{}, errors.New("iss and sub are required")
	}
	switch aud := c.all["aud"].(type) {
	case string:
		c.audience = []string{aud}
	case []any:
		for _, a := range aud {
			s, ok := a.(string)
			if !ok {
				return claims{}, errors.New("aud must hold strings")
			}
			c.audience = append(c.audience, s)
		}
	}
	if len(c.audience) == 0 {
		return claims{}, errors.New("aud is required")
	}
	var err error
	if c.expires, err = c.date("exp", true); err != nil {
		return claims{}, err
	}
	if c.issuedAt, err = c.date("iat", true); err != nil {
		return claims{}, err
	}
	if c.notBefore, err = c.date("nbf", false); err != nil {
		return claims{}, err
	}
	if c.client = c.text("azp"); c.client == "" {
		c.client = c.text("client_id")
	}
	for _, name := range []string{"nonce", "at_hash", "c_hash"} {
		if _, ok := c.all[name]; ok {
			c.idToken = true
		}
	}
	return c, nil
}

func (c claims) date(name string, required bool) (time.Time, error) {
	v, ok := c.all[name]
	if !ok && !required {
		return time.Time{}, nil
	}
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}, fmt.Errorf("%s is required and must be a number", name)
	}
	f, err := n.Float64()
	if err != nil || f < 0 || f > 253402300799 { // the year 9999
		return time.Time{}, fmt.Errorf("%s is not a date", name)
	}
	return time.Unix(int64(f), 0), nil
}

// current returns an error when the token is not valid at this time.
func (c times) current(now time.Time) error {
	switch {
	case !now.Before(c.expires.Add(ClockSkew)):
		return ErrExpired
	case !c.notBefore.IsZero() && now.Add(ClockSkew).Before(c.notBefore):
		return fmt.Errorf("%w: nbf is in the future", ErrInvalid)
	case now.Add(ClockSkew).Before(c.issuedAt):
		return fmt.Errorf("%w: iat is in the future", ErrInvalid)
	}
	return nil
}

// isAccessTokenType says whether the `typ` header is that of RFC 9068.
func isAccessTokenType(typ string) bool {
	typ = strings.ToLower(typ)
	return typ == "at+jwt" || typ == "application/at+jwt"
}
