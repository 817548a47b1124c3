// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
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

var (
	routeForms = map[string]*regexp.Regexp{
		"/repos/*/issues": regexp.MustCompile(`^/repos/[^/]+/issues$`), "/docs/**": regexp.MustCompile(`^/docs/[^/]+(/[^/]+)*$`), "/x": regexp.MustCompile(`^/x$`),
	}
	plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)
)

// acceptedPathStays says whether a path that a caller chose is sent, and fails when it
// could be sent to another place than the routes say.
func acceptedPathStays(t *testing.T, given string) bool {
	t.Helper()
	path, ok := pathOf(given)
	if !ok {
		return false
	}
	if climbs(path) || climbs(given) || !plainPath.MatchString(path) || len(path) > maxPath {
		t.Fatalf("%q became %q", given, path)
	}
	if again, ok := pathOf(path); !ok || again != path {
		t.Fatalf("%q becomes %q", path, again)
	}
	for pattern, want := range routeForms {
		if allowed(access.HTTPRoute{Method: "GET", Path: pattern}, "GET", path) != want.MatchString(path) {
			t.Fatalf("%s and %q disagree", pattern, path)
		}
	}
	return true
}

// acceptedSegmentStays is the same for an argument that becomes a segment.
func acceptedSegmentStays(t *testing.T, value string) bool {
	t.Helper()
	segment, ok := segmentOf(value)
	if !ok {
		return false
	}
	if back, err := url.PathUnescape(segment); err != nil || back != value {
		t.Fatalf("%q became %q, which is %q", value, segment, back)
	}
	if path := "/a/" + segment + "/b"; strings.Contains(segment, "/") || climbs(path) || !sentPattern.MatchString(path) {
		t.Fatalf("%q became %q", value, segment)
	}
	path, err := filled("/a/{x}/b", tools.Arguments{"x": value})
	if err == nil && path != "/a/"+segment+"/b" {
		t.Fatalf("%q became %q", value, path)
	}
	return true
}

// TestEveryCombinationOfDangerStaysInItsPlace tries all of up to four pieces.
func TestEveryCombinationOfDangerStaysInItsPlace(t *testing.T) {
	pieces := []string{"a", "x", ".", "..", "/", "//", "%", "2e", "2E", "2f", "5c", "25", "00", "\\", "?", ";", "\n", "\u00e9", "\uff0e", "\u2025", "\uff0f"}
	sent := 0
	var try func(text string, left int)
	try = func(text string, left int) {
		for _, given := range []string{text, "/" + text, "/docs/" + text, "/repos/" + text + "/issues"} {
			if acceptedPathStays(t, given) {
				sent++
			}
		}
		if acceptedSegmentStays(t, text) {
			sent++
		}
		if left == 0 {
			return
		}
		for _, p := range pieces {
			try(text+p, left-1)
		}
	}
	try("", 4)
	if sent < 1000 {
		t.Errorf("only %d were sent: the test tries too little", sent)
	}
}

// FuzzPathsThatAreAcceptedStayWhereTheyAreAllowed checks paths that callers choose.
func FuzzPathsThatAreAcceptedStayWhereTheyAreAllowed(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, given := range []string{text, "/docs/" + text, "/repos/" + text + "/issues"} {
			acceptedPathStays(t, given)
		}
	})
}

// FuzzSegmentsStayOneSegment checks arguments that become part of a path.
func FuzzSegmentsStayOneSegment(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) { acceptedSegmentStays(t, value) })
}
