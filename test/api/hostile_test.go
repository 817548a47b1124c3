// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// spoilt are ways to make a name lead elsewhere, once somebody quotes, joins or decodes it.
var spoilt = map[string]func(name string) string{
	"a back quote":     func(s string) string { return s + "`" },
	"a quote":          func(s string) string { return s + "'" },
	"a double quote":   func(s string) string { return s + `"` },
	"a slash":          func(s string) string { return s + "/x" },
	"a parent segment": func(s string) string { return s + "/../x" },
	"two dots":         func(string) string { return ".." },
	"an escaped slash": func(s string) string { return s + "%2fx" },
	"a line break":     func(s string) string { return s + "\n" },
	"nul":              func(s string) string { return s + "\x00" },
	"a dot at the end": func(s string) string { return s + "." },
	"a homoglyph":      homoglyph,
}

// homoglyph puts a Cyrillic letter in place of a Latin one that looks the same.
func homoglyph(s string) string {
	for latin, cyrillic := range map[string]string{"a": "\u0430", "e": "\u0435", "o": "\u043e", "c": "\u0441"} {
		if strings.Contains(s, latin) {
			return strings.Replace(s, latin, cyrillic, 1)
		}
	}
	return s + "\u0430"
}

// values are fields that name nothing in a URL or a statement: texts, values that are
// bound or sent as JSON, what tokens are compared with, and names that are compared with
// those of Roles.
var values = regexp.MustCompile(`^boundary |^federationpolicy spec\.(allowedClients\[\]|audiences\[\]|keys\.inline)$|` +
	`^toolaccess spec\.rules\[\]\.(roles\[\]|when)$|^modelendpoint spec\.guardrails\..*$|\.caBundle$|` +
	`^tool spec\.(description|title|sql\.statement|vectorSearch\.filters\[\]\.value)$`)

// harmless are, by field, the spoilt values that mean nothing else there: a group's name
// may end in a dot, a path may be longer, a value of SQL may hold what does not end it, and
// a key of a Secret is looked up in it.
var harmless = map[string][]string{
	"connection spec.basePath":                              {"a dot at the end", "a slash"},
	"connection spec.comment":                               {"a back quote", "a dot at the end", "a double quote", "a homoglyph", "a parent segment", "a quote", "a slash", "an escaped slash", "two dots"},
	"connection spec.mcpService.tools[]":                    {"a dot at the end", "a parent segment", "a slash", "two dots"},
	"connection spec.oauthM2M.clientID":                     {"a back quote", "a dot at the end", "a double quote", "a parent segment", "a quote", "a slash", "an escaped slash", "two dots"},
	"connection spec.oauthM2M.scope":                        {"a back quote", "a dot at the end", "a double quote", "a parent segment", "a quote", "a slash", "an escaped slash", "two dots"},
	"connection spec.bearerToken.secretRef.key":             {"a dot at the end", "two dots"},
	"connection spec.oauthM2M.clientSecretRef.key":          {"a dot at the end", "two dots"},
	"workspace spec.authentication.clientSecretRef.key":     {"a dot at the end", "two dots"},
	"connection spec.oauthM2M.tokenEndpoint":                {"a dot at the end", "a parent segment", "a slash"},
	"datapolicy spec.columnMasks[].otherwise.constant":      {"a dot at the end", "a homoglyph", "a parent segment", "a slash", "an escaped slash", "two dots"},
	"datapolicy spec.columnMasks[].visibleTo.groups[]":      {"a dot at the end"},
	"datapolicy spec.columnMasks[].visibleTo.users[]":       {"a dot at the end", "two dots"},
	"datapolicy spec.rowFilter.rules[].groups[]":            {"a dot at the end"},
	"datapolicy spec.rowFilter.rules[].rows.where.values[]": {"a dot at the end", "a homoglyph", "a parent segment", "a slash", "an escaped slash", "two dots"},
	"datapolicy spec.rowFilter.rules[].users[]":             {"a dot at the end", "two dots"},
	"federationpolicy spec.claims.email":                    {"a dot at the end", "a parent segment", "a slash", "two dots"},
	"federationpolicy spec.claims.name":                     {"a dot at the end", "a parent segment", "a slash", "two dots"},
	"federationpolicy spec.claims.role":                     {"a dot at the end", "a parent segment", "a slash", "two dots"},
	"federationpolicy spec.issuer":                          {"a dot at the end", "a parent segment", "a slash"},
	"federationpolicy spec.keys.uri":                        {"a dot at the end", "a parent segment", "a slash"},
	"federationpolicy spec.roles[].subject":                 {"a dot at the end", "two dots"},
	"mcpserver spec.deniedSubjects[]":                       {"a back quote", "a dot at the end", "a double quote", "a homoglyph", "a parent segment", "a quote", "a slash", "an escaped slash", "nul"},
	"mcpserver spec.resource":                               {"a dot at the end", "a parent segment", "a slash"},
	"modelendpoint spec.rateLimits[].group":                 {"a dot at the end"},
	"role spec.displayName":                                 {"a back quote", "a dot at the end", "a homoglyph", "a parent segment", "a quote", "a slash", "an escaped slash", "two dots"},
	"role spec.memberOf[]":                                  {"a dot at the end"},
	"tool spec.http.allow[].path":                           {"a dot at the end", "a slash"},
	"tool spec.http.operations[].path":                      {"a dot at the end", "a slash"},
	"tool spec.http.operations[].query[].name":              {"a dot at the end", "two dots"},
	"tool spec.http.operations[].query[].value":             {"a back quote", "a dot at the end", "a double quote", "a homoglyph", "a parent segment", "a quote", "a slash", "an escaped slash", "two dots"},
	"tool spec.http.operations[].rows.at":                   {"a back quote", "a dot at the end", "a double quote", "a homoglyph", "a parent segment", "a quote", "a slash", "an escaped slash"},
	"tool spec.http.operations[].rows.totalAt":              {"a back quote", "a dot at the end", "a double quote", "a homoglyph", "a parent segment", "a quote", "a slash", "an escaped slash"},
	"tool spec.http.operations[].rows.fields[].at":          {"a back quote", "a dot at the end", "a double quote", "a homoglyph", "a parent segment", "a quote", "a slash", "an escaped slash"},
	"tool spec.identity.groups[]":                           {"a dot at the end"},
}

// TestHostileNamesAreRefused spoils every name of every accepted example, so that a
// field that is added must refuse hostile names or be listed above.
func TestHostileNamesAreRefused(t *testing.T) {
	_, dry := server(t)
	for _, d := range definitions(t) {
		e := examplesOf(t, folder(d))
		own(d, func(path string, s schema) {
			field := folder(d) + " " + path
			if s.Type != "string" || len(s.Enum) > 0 || s.Format != "" || values.MatchString(field) {
				return
			}
			t.Run(field, func(t *testing.T) {
				example, at := e.with(t, path)
				attempts := map[string]*attempt{}
				for what, spoil := range spoilt {
					attempts[what] = &attempt{object: changed(example, at, func(v any) any { return spoil(v.(string)) })}
				}
				try(t.Context(), dry, slices.Collect(maps.Values(attempts)))
				var accepted []string
				for what, a := range attempts {
					if a.err == nil {
						accepted = append(accepted, what)
					} else if !about(a.err, path) {
						t.Errorf("with %s, something else is refused: %v", what, a.err)
					}
				}
				slices.Sort(accepted)
				if !slices.Equal(accepted, harmless[field]) {
					t.Errorf("accepted are %q, and harmless are %q", accepted, harmless[field])
				}
			})
		})
	}
}

// about says whether a refusal is for the sake of a field, or of one that it is in.
func about(err error, path string) bool {
	for _, cause := range causes(err) {
		if strings.HasPrefix(path, unindexed(cause.Field)) {
			return true
		}
	}
	return false
}
