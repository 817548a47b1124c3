// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

func TestRoutes(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"/a", "/a", true},
		{"/a", "/A", false},
		{"/a", "/a/b", false},
		{"/a/b", "/a", false},
		{"/*", "/a", true},
		{"/*", "/a/b", false},
		{"/a/*/c", "/a/b/c", true},
		{"/a/*/c", "/a/c", false},
		{"/**", "/a", true},
		{"/**", "/a/b/c", true},
		{"/a/**", "/a", false},
		{"/a/**", "/a/b/c", true},
		{"/a/**", "/ab/c", false},
		{"/a/*/**", "/a/b", false},
		{"/a/*/**", "/a/b/c", true},
		{"/**/b", "/a/b", false}, // only the last segment means any further ones
	} {
		if got := allowed(access.HTTPRoute{Method: "GET", Path: c.pattern}, "GET", c.path); got != c.want {
			t.Errorf("%s allows %s: %v, want %v", c.pattern, c.path, got, c.want)
		}
		if allowed(access.HTTPRoute{Method: "GET", Path: c.pattern}, "POST", c.path) {
			t.Errorf("GET %s allows POST", c.pattern)
		}
	}
}

// climbs says whether anything that decodes a path, however often, could leave its place.
func climbs(path string) bool {
	for range 5 {
		if strings.ContainsAny(path, "\\?#;\r\n\x00") || strings.Contains(path, "//") {
			return true
		}
		for s := range strings.SplitSeq(path, "/") {
			if s == "." || s == ".." {
				return true
			}
		}
		next, err := url.PathUnescape(path)
		if err != nil || next == path {
			return err != nil
		}
		path = next
	}
	return true
}

var seeds = []string{
	"/repos/a/issues", "/repos/%61/issues", "/repos/../x", "/repos/%2e%2e/x", "/repos/%252e%252e/x", "/repos/a%2fb/issues", "//x", "/", "", "/a/./b", `/a\..\b`,
	"/a%00", "/a?b", "/a#b", "/a;b", "https://x/y", "/docs/é", "/docs/\uFF0E\uFF0E", "/docs/...", "/docs/..a", "a b", ".", "..", "%", "%2e", "\u2025", "x/y",
}

// FuzzPathsThatAreAcceptedStayWhereTheyAreAllowed checks paths that callers choose.
func FuzzPathsThatAreAcceptedStayWhereTheyAreAllowed(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	routes := map[string]*regexp.Regexp{
		"/repos/*/issues": regexp.MustCompile(`^/repos/[^/]+/issues$`), "/docs/**": regexp.MustCompile(`^/docs/[^/]+(/[^/]+)*$`), "/x": regexp.MustCompile(`^/x$`),
	}
	plain := regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, given := range []string{text, "/docs/" + text, "/repos/" + text + "/issues"} {
			path, ok := pathOf(given)
			if !ok {
				continue
			}
			if climbs(path) || climbs(given) || !plain.MatchString(path) || len(path) > maxPath {
				t.Fatalf("%q became %q", given, path)
			}
			if again, ok := pathOf(path); !ok || again != path {
				t.Fatalf("%q becomes %q", path, again)
			}
			for pattern, want := range routes {
				if allowed(access.HTTPRoute{Method: "GET", Path: pattern}, "GET", path) != want.MatchString(path) {
					t.Fatalf("%s and %q disagree", pattern, path)
				}
			}
		}
	})
}

// FuzzSegmentsStayOneSegment checks arguments that become part of a path.
func FuzzSegmentsStayOneSegment(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		segment, ok := segmentOf(value)
		if !ok {
			return
		}
		if back, err := url.PathUnescape(segment); err != nil || back != value {
			t.Fatalf("%q became %q, which is %q", value, segment, back)
		}
		if path := "/a/" + segment + "/b"; strings.Contains(segment, "/") || climbs(path) || !sentPattern.MatchString(path) {
			t.Fatalf("%q became %q", value, segment)
		}
		path, err := filled("/a/{x}/b", Arguments{"x": value})
		if err == nil && path != "/a/"+segment+"/b" {
			t.Fatalf("%q became %q", value, path)
		}
	})
}
