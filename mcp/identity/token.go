// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import "log/slog"

// Token is a bearer token. Printing, logging or encoding it gives a placeholder; Reveal is
// the only way to its value.
type Token struct {
	// raw is a pointer because package fmt prints the text of fields that it cannot call
	// methods of, such as unexported ones, but not where a nested pointer leads.
	raw *string
}

const redacted = "[redacted]"

// NewToken makes a Token.
func NewToken(raw string) Token { return Token{raw: &raw} }

// Reveal returns the token, to be sent where it belongs.
func (t Token) Reveal() string {
	if t.raw == nil {
		return ""
	}
	return *t.raw
}

// String hides the token.
func (Token) String() string { return redacted }

// GoString hides the token.
func (Token) GoString() string { return redacted }

// LogValue hides the token.
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the token.
func (Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }
