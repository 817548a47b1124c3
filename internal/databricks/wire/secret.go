// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import "log/slog"

// Secret is text that must not be shown: a token, a client secret. Printing it in
// any way gives a placeholder; Reveal is the one way to the value, and easy to find.
type Secret string

const redacted = "[redacted]"

// Reveal returns the value, to be sent to where it belongs.
func (s Secret) Reveal() string { return string(s) }

// String hides the value, and so do all other ways to print or encode it.
func (Secret) String() string { return redacted }

// GoString hides the value.
func (Secret) GoString() string { return redacted }

// LogValue hides the value.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the value.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
