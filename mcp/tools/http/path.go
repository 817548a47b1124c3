// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// maxPath is how many bytes a path may have, escapes included.
const maxPath = 2048

// segmentRule and pathRule say to a caller what segmentOf and pathOf accept.
const (
	segmentRule = "must be one segment of a path: not empty, not '.' or '..', and without control characters and any of / \\ % ? # ;"
	pathRule    = "must begin with '/' and have segments of letters, digits and any of - . _ ~ only, none of them empty, '.' or '..'"
)

// segmentOf escapes a value that becomes one segment of a path. What anything on the
// way could decode to more than that segment, or to another, is refused, not escaped:
// who decodes a path, and how often, is not ours to know.
func segmentOf(value string) (string, bool) {
	for _, form := range []string{value, norm.NFKC.String(value)} { // some compose what they decode
		if form == "" || form == "." || form == ".." || !utf8.ValidString(form) || strings.ContainsAny(form, `/\%?#;`) || strings.ContainsFunc(form, unicode.IsControl) {
			return "", false
		}
	}
	var b strings.Builder
	for i := range len(value) {
		if c := value[i]; unreserved(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String(), true
}

// unreserved says whether a byte means itself everywhere in a URL (RFC 3986, 2.3).
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// pathOf is the path that a caller chose, without escapes: after decoding, once, every
// character must be one that needs none. Escapes of '.', '/' and '\' have no honest use.
func pathOf(path string) (string, bool) {
	if len(path) > maxPath || !strings.HasPrefix(path, "/") {
		return "", false
	}
	folded := strings.ToLower(path)
	for _, escape := range []string{"%2e", "%2f", "%5c"} {
		if strings.Contains(folded, escape) {
			return "", false
		}
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		decoded, err := url.PathUnescape(s)
		if err != nil || decoded == "" || decoded == "." || decoded == ".." {
			return "", false
		}
		for k := range len(decoded) {
			if !unreserved(decoded[k]) {
				return "", false
			}
		}
		segments[i] = decoded
	}
	return "/" + strings.Join(segments, "/"), true
}

// allowed says whether a route has a method and a path that pathOf made.
func allowed(r access.HTTPRoute, method, path string) bool {
	if r.Method != method {
		return false
	}
	pattern, segments := strings.Split(strings.TrimPrefix(r.Path, "/"), "/"), strings.Split(path[1:], "/")
	for i, p := range pattern {
		switch {
		case p == "**" && i == len(pattern)-1:
			return len(segments) > i // at least one further segment
		case i >= len(segments), p != "*" && p != segments[i]:
			return false
		}
	}
	return len(segments) == len(pattern)
}

var (
	placePattern  = regexp.MustCompile(`^[{]([a-z][a-z0-9_]*)[}]$`)
	staticPattern = regexp.MustCompile(`^[A-Za-z0-9_~-][A-Za-z0-9._~-]*$`)
	sentPattern   = regexp.MustCompile(`^(/[A-Za-z0-9._~%-]+)+$`)
)

// filled is the path of an operation with its arguments.
func filled(pattern string, args tools.Arguments) (string, error) {
	var out strings.Builder
	for s := range strings.SplitSeq(strings.TrimPrefix(pattern, "/"), "/") {
		out.WriteByte('/')
		if place := placePattern.FindStringSubmatch(s); place != nil {
			value, ok := args.Text(place[1])
			if !ok {
				return "", tools.Errorf(tools.CodeInvalidArgument, "`%s` is required", place[1])
			}
			segment, ok := segmentOf(value)
			if !ok {
				return "", tools.Errorf(tools.CodeInvalidArgument, "`%s` %s", place[1], segmentRule)
			}
			s = segment
		} else if !staticPattern.MatchString(s) {
			return "", tools.BadTool("a path that cannot be used")
		}
		out.WriteString(s)
	}
	if out.Len() > maxPath {
		return "", tools.Errorf(tools.CodeInvalidArgument, "the arguments make a path of more than %d bytes", maxPath)
	}
	return out.String(), nil
}
