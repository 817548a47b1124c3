// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

type (
	step = external.Step[state]
	plan = external.Plan[state]
)

// Plan is pure.
func (adapter) Plan(want, have state) (external.Plan[state], error) { return planned(want, have) }

// planned is the writes that lead from one state to another: the connection goes before
// its MCP service when they are made, and after it when they are taken away.
func planned(want, have state) (plan, error) {
	switch {
	case want.Outside != nil:
		return confined(want, have)
	case want.Connection == nil:
		return removal(have, false)
	case have.Holder != "":
		return nil, fault.Conflict(v1alpha1.ReasonConflict, fmt.Errorf("the connection %s %s", want.Connection.Name, have.Holder))
	}
	out, unfinished := connectionSteps(want, have)
	if unfinished != nil && !have.Connection.ours() {
		return nil, unfinished
	}
	services, err := serviceSteps(want, have)
	out = append(out, services...)
	switch {
	case len(out) > 0:
		return out, nil
	case unfinished != nil:
		return nil, unfinished
	}
	return nil, err
}

// confined takes away what a Boundary no longer allows, as far as we made it ourselves.
func confined(want, have state) (plan, error) {
	var out plan
	if !want.Orphan {
		if want.Keep {
			have.Connection = nil
		}
		var err error
		if out, err = removal(have, true); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, want.Outside
	}
	return out, nil
}

// removal takes away what is ours, or only what carries our mark.
func removal(have state, marked bool) (plan, error) {
	if have.Unseen != nil && !have.Unavailable {
		return nil, have.Unseen
	}
	var out plan
	for _, s := range have.Services {
		if s.Marked {
			out = append(out, step{Verb: external.Delete, Target: serviceText(s.Name), Want: state{Services: []service{s}}})
		}
	}
	if c := have.Connection; have.Holder == "" && c.ours() && (c.Marked || !marked) {
		out = append(out, step{Verb: external.Delete, Target: text(c), Want: state{Connection: c}})
	}
	return out, nil
}

// connectionSteps lead to the connection, or say why it cannot be had.
func connectionSteps(want, have state) (plan, error) {
	w, h := want.Connection, have.Connection
	if h == nil {
		if want.Unread != nil {
			return nil, want.Unread
		}
		return plan{{Verb: external.Create, Target: "the connection " + w.Name, Want: state{Connection: w}, Diff: differences(&link{Options: map[string]string{}}, w)}}, nil
	}
	if err := fits(w, h); err != nil {
		return nil, err
	}
	diff := differences(h, w)
	update := step{Verb: external.Update, Target: text(h), Want: state{Connection: w}, Diff: diff}
	switch {
	case !h.ours() && !want.Adopt:
		return nil, fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf(
			"the connection %s exists and this Connection did not make it; set `adoption` to Adopt to take it over, which would: %s", w.Name, update))
	case want.Unread != nil:
		return nil, want.Unread
	case len(diff) > 0 || !h.ours():
		return plan{update}, nil
	}
	return nil, nil
}

// fits says why a connection can never become the one that is wanted.
func fits(w, h *link) error {
	if h.Type != admin.HTTPConnection {
		return fault.Conflict(v1alpha1.ReasonConflict, fmt.Errorf("the connection %s is of the type %q and not of the type HTTP: remove it, or declare another `connectionName`", w.Name, h.Type))
	}
	if h.option(admin.OptionMCP) != w.option(admin.OptionMCP) {
		is := map[bool]string{true: "is", false: "is not"}[h.option(admin.OptionMCP) == "true"]
		return fault.Conflict(v1alpha1.ReasonConflict, fmt.Errorf(
			"the connection %s %s one to an MCP server, which Unity Catalog cannot change: remove it, or declare another `connectionName` or `protocol`", w.Name, is))
	}
	return nil
}

// differences are those between the connection that is there and the one that is wanted.
// Of the credential they say that it differs and nothing else.
func differences(h, w *link) []external.Difference {
	var out []external.Difference
	names := slices.Sorted(maps.Keys(w.Options))
	for n := range h.Options {
		if !slices.Contains(names, n) && n != admin.OptionMCP {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		if h.ID == "" {
			out = append(out, external.Difference{Path: n, Want: w.option(n)})
		} else if h.option(n) != w.option(n) {
			out = append(out, external.Difference{Path: n, Have: h.option(n), Want: w.option(n)})
		}
	}
	if h.CredentialType != "" && w.CredentialType != "" && h.CredentialType != w.CredentialType {
		out = append(out, external.Difference{Path: "credential_type", Have: h.CredentialType, Want: w.CredentialType})
	}
	if h.ID != "" && w.Credential.Fingerprint != "" && h.Credential.Fingerprint != w.Credential.Fingerprint {
		have := "not known"
		switch {
		case h.Foreign:
			have = "changed by " + h.UpdatedBy
		case h.Credential.Fingerprint != "":
			have = "another"
		}
		out = append(out, external.Difference{Path: "credential", Have: have, Want: "that of the Secret"})
	}
	return out
}

// text names a connection, with who changed it when that was somebody else.
func text(l *link) string {
	if l.Foreign {
		return fmt.Sprintf("the connection %s, last changed by %s", l.Name, l.UpdatedBy)
	}
	return "the connection " + l.Name
}

func serviceText(name string) string { return "the MCP service " + name }

// serviceSteps lead to the MCP service, and say what is left when there is nothing to do.
func serviceSteps(want, have state) (plan, error) {
	if have.Unseen != nil {
		if len(want.Services) == 0 && have.Unavailable {
			return nil, nil // what there was went with the API
		}
		return nil, have.Unseen
	}
	var out plan
	var unfinished error
	for _, w := range want.Services {
		one := state{Services: []service{w}}
		h := have.service(w.Name)
		switch {
		case h == nil:
			out = append(out, step{Verb: external.Create, Target: serviceText(w.Name), Want: one, Diff: []external.Difference{{Path: "tools", Want: listed(w.Tools)}}})
		case !h.Marked && (h.Holder != "" || !want.Adopt):
			unfinished = notOurs(w, *h)
		default:
			if diff := serviceDifferences(*h, w); len(diff) > 0 {
				one.Services[0].ETag = h.ETag
				out = append(out, step{Verb: external.Update, Target: serviceText(w.Name), Want: one, Diff: diff})
			}
		}
	}
	for _, h := range have.Services {
		if h.Marked && want.service(h.Name) == nil {
			out = append(out, step{Verb: external.Delete, Target: serviceText(h.Name), Want: state{Services: []service{h}}})
		}
	}
	return out, unfinished
}

func notOurs(w, h service) error {
	if h.Holder != "" {
		return fault.Conflict(v1alpha1.ReasonConflict, fmt.Errorf("the MCP service %s %s", w.Name, h.Holder))
	}
	var shown []string
	for _, d := range serviceDifferences(h, w) {
		shown = append(shown, d.String())
	}
	return fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf(
		"the MCP service %s exists and this Connection did not make it; set `adoption` to Adopt to take it over, which would: Update it (%s)", w.Name, strings.Join(shown, ", ")))
}

func serviceDifferences(h, w service) []external.Difference {
	var out []external.Difference
	if h.Connection != w.Connection || h.ConnectionDeleted {
		have := h.Connection
		if h.ConnectionDeleted {
			have += " (deleted)"
		}
		out = append(out, external.Difference{Path: "connection", Have: have, Want: w.Connection})
	}
	if !slices.Equal(h.Tools, w.Tools) {
		out = append(out, external.Difference{Path: "tools", Have: listed(h.Tools), Want: listed(w.Tools)})
	}
	if h.Comment != w.Comment {
		out = append(out, external.Difference{Path: "comment", Have: h.Comment, Want: w.Comment})
	}
	return out
}

// mostListed bounds how many tools a plan shows.
const mostListed = 8

func listed(tools []string) string {
	switch {
	case len(tools) == 0:
		return "*"
	case len(tools) > mostListed:
		return fmt.Sprintf("%s and %d more", strings.Join(tools[:mostListed], ", "), len(tools)-mostListed)
	}
	return strings.Join(tools, ", ")
}
