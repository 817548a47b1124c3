// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"net/http"
	"strings"
)

// RoleHeader is the header by which a caller selects one of its verified roles.
const RoleHeader = "X-Gatehouse-Role"

// maxTokenBytes bounds a bearer token before anything is parsed.
const maxTokenBytes = 8 << 10

// Bearer returns the token of exactly one Authorization header.
func Bearer(h http.Header) (string, bool) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}

// selects says whether the request selects the role, or no role at all. The header
// selects among verified roles and never grants one.
func selects(h http.Header, role string) bool {
	selected := h.Values(RoleHeader)
	return len(selected) == 0 || len(selected) == 1 && selected[0] == role
}
