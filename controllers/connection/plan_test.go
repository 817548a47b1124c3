// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func wanted(edit ...func(*state)) state {
	s := state{
		Connection: &link{
			Name: "gh", Type: "HTTP", CredentialType: "BEARER_TOKEN", Options: map[string]string{"host": "https://a.example.com", "port": "443", "base_path": "/", "is_mcp_connection": "true"},
			Credential: v1alpha1.ConnectionCredential{Fingerprint: "f1"}, Marked: true, Recorded: true,
		},
		Services: []service{{Marked: true, MCPService: admin.MCPService{Name: "a.b.c", Comment: "m", Connection: "gh", Tools: []string{"x"}}}},
	}
	for _, e := range edit {
		e(&s)
	}
	return s
}

func there(edit ...func(*state)) state {
	s := wanted()
	s.Connection.ID = "1"
	s.Connection.Options["host"] = "https://A.example.com/" // the same
	for _, e := range edit {
		e(&s)
	}
	return s
}

func TestPlans(t *testing.T) {
	foreign := func(s *state) { s.Connection.Marked, s.Connection.Recorded = false, false }
	host := func(s *state) { s.Connection.Options["host"] = "https://b.example.com" }
	adopt := func(s *state) { s.Adopt = true }
	outside := func(s *state) {
		*s = state{Outside: fault.Denied(v1alpha1.ReasonOutsideBoundary, errors.New("outside"))}
	}
	keep, orphan := func(s *state) { s.Keep = true }, func(s *state) { s.Orphan = true }
	unread := func(s *state) {
		s.Unread = fault.Waiting(v1alpha1.ReasonCredentialNotReadable, errors.New("unread"))
		s.Connection.Credential = v1alpha1.ConnectionCredential{}
	}
	unseen := func(s *state) { s.Unseen, s.Services = fault.RateLimited(0, errors.New("unseen")), nil }
	unavailable := func(s *state) {
		s.Unseen, s.Unavailable, s.Services = fault.Denied(v1alpha1.ReasonMCPServicesUnavailable, errors.New("no API")), true, nil
	}
	for name, c := range map[string]struct {
		want, have state
		steps      []string
		reason     string
	}{
		"nothing is there": {wanted(), state{}, []string{
			`Create the connection gh (base_path: "" -> "/", host: "" -> "https://a.example.com", is_mcp_connection: "" -> "true", port: "" -> "443")`, `Create the MCP service a.b.c (tools: "" -> "x")`,
		}, ""},
		"everything is there":   {wanted(), there(), nil, ""},
		"the host differs":      {wanted(), there(host), []string{`Update the connection gh (host: "https://b.example.com" -> "https://a.example.com")`}, ""},
		"the credential is old": {wanted(), there(func(s *state) { s.Connection.Credential.Fingerprint = "f0" }), []string{`Update the connection gh (credential: "another" -> "that of the Secret")`}, ""},
		"the credential is not known": {wanted(), there(func(s *state) { s.Connection.Credential.Fingerprint = "" }), []string{
			`Update the connection gh (credential: "not known" -> "that of the Secret")`,
		}, ""},
		"somebody changed it": {wanted(), there(func(s *state) {
			s.Connection.Credential.Fingerprint, s.Connection.Foreign, s.Connection.UpdatedBy = "", true, "bob"
		}), []string{`Update the connection gh, last changed by bob (credential: "changed by bob" -> "that of the Secret")`}, ""},
		"another kind of credential": {wanted(), there(func(s *state) { s.Connection.CredentialType = "OAUTH_U2M"; s.Connection.Options["client_id"] = "x" }), []string{
			`Update the connection gh (client_id: "x" -> "", credential_type: "OAUTH_U2M" -> "BEARER_TOKEN")`,
		}, ""},
		"it is somebody else's":           {wanted(), there(foreign), nil, v1alpha1.ReasonNotOurs},
		"it is adopted":                   {wanted(adopt), there(foreign), []string{"Update the connection gh"}, ""},
		"it is another Connection's":      {wanted(adopt), there(foreign, func(s *state) { s.Holder = "is that of x" }), nil, v1alpha1.ReasonConflict},
		"it is a database":                {wanted(adopt), there(foreign, func(s *state) { s.Connection.Type = "MYSQL" }), nil, v1alpha1.ReasonConflict},
		"it speaks HTTP":                  {wanted(adopt), there(foreign, func(s *state) { delete(s.Connection.Options, "is_mcp_connection") }), nil, v1alpha1.ReasonConflict},
		"no credential, and none there":   {wanted(unread), state{}, nil, v1alpha1.ReasonCredentialNotReadable},
		"no credential, and all is there": {wanted(unread), there(), nil, v1alpha1.ReasonCredentialNotReadable},
		"no credential, and the tools are too many": {wanted(unread), there(func(s *state) { s.Services[0].Tools = nil }), []string{
			`Update the MCP service a.b.c (tools: "*" -> "x")`,
		}, ""},
		"no API for services, and no connection": {wanted(), func() state { s := state{}; unavailable(&s); return s }(), []string{
			`Create the connection gh (base_path: "" -> "/", host: "" -> "https://a.example.com", is_mcp_connection: "" -> "true", port: "" -> "443")`,
		}, ""},
		"no API for services":             {wanted(), there(unavailable), nil, v1alpha1.ReasonMCPServicesUnavailable},
		"no API for services, none asked": {wanted(func(s *state) { s.Services = nil }), there(unavailable), nil, ""},
		"services cannot be seen":         {wanted(), there(unseen), nil, fault.ReasonRateLimited},
		"a service of somebody else":      {wanted(), there(func(s *state) { s.Services[0].Marked = false }), nil, v1alpha1.ReasonNotOurs},
		"a service of somebody else, adopted": {wanted(adopt), there(func(s *state) { s.Services[0].Marked, s.Services[0].Comment = false, "theirs" }), []string{
			`Update the MCP service a.b.c (comment: "theirs" -> "m")`,
		}, ""},
		"a service of another Connection": {wanted(adopt), there(func(s *state) { s.Services[0].Marked, s.Services[0].Holder = false, "is that of x" }), nil, v1alpha1.ReasonConflict},
		"a service over what is gone": {wanted(), there(func(s *state) { s.Services[0].ConnectionDeleted = true }), []string{
			`Update the MCP service a.b.c (connection: "gh (deleted)" -> "gh")`,
		}, ""},
		"another service is wanted": {wanted(func(s *state) { s.Services[0].Name = "a.b.d" }), there(), []string{
			`Create the MCP service a.b.d (tools: "" -> "x")`, "Delete the MCP service a.b.c",
		}, ""},
		"nothing is wanted":                        {state{}, there(), []string{"Delete the MCP service a.b.c", "Delete the connection gh"}, ""},
		"nothing is wanted of somebody else's":     {state{}, there(foreign, func(s *state) { s.Services[0].Marked = false }), nil, ""},
		"nothing is wanted, services are not seen": {state{}, there(unseen), nil, fault.ReasonRateLimited},
		"nothing is wanted, without an API":        {state{}, there(unavailable), []string{"Delete the connection gh"}, ""},
		"nothing is wanted of another's":           {state{}, there(func(s *state) { s.Connection.Marked, s.Holder = false, "is that of x" }), []string{"Delete the MCP service a.b.c"}, ""},
		"outside the Boundary":                     {wanted(outside), there(), []string{"Delete the MCP service a.b.c", "Delete the connection gh"}, ""},
		"outside, and adopted":                     {wanted(outside), there(func(s *state) { s.Connection.Marked, s.Services = false, nil }), nil, v1alpha1.ReasonOutsideBoundary},
		"outside, and an orphan":                   {wanted(outside, orphan), there(), nil, v1alpha1.ReasonOutsideBoundary},
		"only the service is outside":              {wanted(outside, keep), there(), []string{"Delete the MCP service a.b.c"}, ""},
		"outside, and nothing is left":             {wanted(outside), state{}, nil, v1alpha1.ReasonOutsideBoundary},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := planned(c.want, c.have)
			var steps []string
			for _, s := range p {
				steps = append(steps, s.String())
			}
			if diff := cmp.Diff(c.steps, steps); diff != "" {
				t.Error(diff)
			}
			switch f := fault.Of(err); {
			case f == nil && c.reason != "":
				t.Errorf("no error, want %s", c.reason)
			case f != nil && f.Reason != c.reason:
				t.Errorf("%s: %v, want %q", f.Reason, err, c.reason)
			}
		})
	}
}

func TestMarks(t *testing.T) {
	own := mark("here", "sales", "gh")
	for comment, want := range map[string]string{
		"": "", "theirs": "", own: own, marked("a comment", own): own, marked("("+mark("x", "y", "z")+")", own): own,
		"see " + own: "", own + " (old)": own + " (old)", marked("", own): own,
	} {
		if got := markIn(comment); got != want {
			t.Errorf("%q: %q, want %q", comment, got, want)
		}
	}
	if key, ours := markedBy(own, "here"); key != "sales/gh" || !ours {
		t.Errorf("got %q %v", key, ours)
	}
	if _, ours := markedBy(own, "her"); ours {
		t.Error("another installation is ours")
	}
}

func TestCredentials(t *testing.T) {
	for raw, want := range map[string]string{"a": "a", "a\n": "a", "a\r\n": "a", "a ": "a ", "ü": "ü"} { //nolint:gocritic // a space at the end stays
		if got, problem := credential(raw); got.Reveal() != want || problem != "" {
			t.Errorf("%q: %q %s", raw, got.Reveal(), problem)
		}
	}
	for _, raw := range []string{"", "\n", "\r\n", "a\n\n", "a\nb", "a\rb", "a\tb", "a\x00", "\xff-secret"} {
		if got, problem := credential(raw); got != "" || problem == "" || strings.Contains(fmt.Sprint(problem), "secret") {
			t.Errorf("%q was taken: %s", raw, problem)
		}
	}
}

func TestHolders(t *testing.T) {
	own, other := mark("here", "sales", "gh"), mark("here", "rival", "aaa")
	found := func(comment string) *admin.Connection { return &admin.Connection{ID: "1", Comment: comment} }
	for name, c := range map[string]struct {
		found *admin.Connection
		id    string // that we have recorded
		rival rival
		names string // what the answer must say; empty for nobody
	}{
		"nothing, and no rival":                 {nil, "", rival{}, ""},
		"nothing, and an older rival":           {nil, "", rival{same: true, older: true, claims: true}, "rival/aaa"},
		"nothing, and a younger rival":          {nil, "", rival{same: true, claims: true}, ""},
		"nothing, and an older one outside":     {nil, "", rival{same: true, older: true}, ""},
		"our mark, and an older rival":          {found(own), "", rival{same: true, older: true, claims: true, id: "1"}, ""},
		"their mark, and a younger rival":       {found(other), "1", rival{same: true}, "rival/aaa"},
		"the mark of one that is gone":          {found(mark("here", "gone", "x")), "", rival{}, ""},
		"the mark of another installation":      {found(mark("there", "sales", "gh")), "1", rival{}, "another installation"},
		"no mark, recorded by us, older rival":  {found(""), "1", rival{same: true, older: true, claims: true}, ""},
		"no mark, recorded by a younger":        {found(""), "", rival{same: true, id: "1"}, "rival/aaa"},
		"no mark, recorded by both, older":      {found(""), "1", rival{same: true, older: true, id: "1"}, "rival/aaa"},
		"no mark, recorded by both, younger":    {found(""), "1", rival{same: true, id: "1"}, ""},
		"no mark, recorded by us under another": {found(""), "0", rival{same: true, older: true, claims: true}, "rival/aaa"},
	} {
		in := input{mark: own, installation: "here", id: c.id, rivals: map[string]rival{"rival/aaa": c.rival}}
		if got := in.holder(c.found); (got == "") != (c.names == "") || !strings.Contains(got, c.names) {
			t.Errorf("%s: %q, want %q", name, got, c.names)
		}
	}
}
