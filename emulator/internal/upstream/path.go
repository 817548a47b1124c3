// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// longestPath is how many bytes a path may have.
const longestPath = 4096

var (
	errPath   = errors.New("the path must be a path below the connection's, without .., a host, a query and escapes of them")
	errHeader = errors.New("a header is not valid, or is the connection's own")
)

// join appends a path to a base path. What could lead out of the base path is
// refused in every form that an upstream may decode it from: nothing is cleaned up.
func join(base, path string) (string, error) {
	if path == "" {
		path = "/"
	}
	if len(path) > longestPath || strings.HasPrefix(path, "//") || strings.Contains(path, "://") {
		return "", errPath
	}
	decoded := path
	for range 4 {
		if bad(decoded) {
			return "", errPath
		}
		next, err := url.PathUnescape(decoded)
		if err != nil {
			return "", errPath
		}
		if next == decoded {
			return strings.TrimSuffix(base, "/") + "/" + strings.TrimPrefix(path, "/"), nil
		}
		decoded = next
	}
	return "", errPath // escaped too often to be honest
}

func bad(path string) bool {
	if strings.ContainsAny(path, "\\?#;") || strings.HasPrefix(path, "//") {
		return true
	}
	for _, c := range path {
		if c < 0x20 || c == 0x7f {
			return true
		}
	}
	return slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return s == ".." || s == "." })
}

// reservedHeaders are those that the connection or HTTP itself sets.
var reservedHeaders = []string{
	"Authorization", "Proxy-Authorization", "Cookie", "Host", "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Te", "Trailer", "Proxy-Connection",
}

// setHeaders copies a caller's headers, of which none may be the connection's own.
func setHeaders(into http.Header, from map[string]string) error {
	for k, v := range from {
		canonical := http.CanonicalHeaderKey(k)
		if !token(k) || slices.Contains(reservedHeaders, canonical) || strings.HasPrefix(canonical, "X-Databricks-") {
			return errHeader
		}
		for _, c := range v {
			if c < 0x20 && c != '\t' || c == 0x7f {
				return errHeader
			}
		}
		into.Set(canonical, v)
	}
	return nil
}

// token says whether a header's name is one.
func token(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", c) {
			return false
		}
	}
	return s != ""
}
