// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"fmt"
	"strings"
)

// Verb says what a step does.
type Verb string

// The verbs of steps.
const (
	Create Verb = "Create"
	Update Verb = "Update"
	Delete Verb = "Delete"
	Grant  Verb = "Grant"
	Revoke Verb = "Revoke"
)

// past is the verb as an event says it once it is done.
func (v Verb) past() string {
	switch v {
	case Revoke:
		return "Revoked"
	case Grant:
		return "Granted"
	default:
	}
	return strings.TrimSuffix(string(v), "e") + "ed"
}

// Step is one external write as data: it can be printed, compared and previewed
// without being run.
type Step[S any] struct {
	Verb Verb
	// Target says in words what is written to, without secrets.
	Target string
	// Want is the state that the step leads to.
	Want S
	Diff []Difference
}

// String is the step as a person reads it in a plan.
func (s Step[S]) String() string {
	parts := make([]string, 0, len(s.Diff))
	for _, d := range s.Diff {
		parts = append(parts, d.String())
	}
	if len(parts) == 0 {
		return fmt.Sprintf("%s %s", s.Verb, s.Target)
	}
	return fmt.Sprintf("%s %s (%s)", s.Verb, s.Target, strings.Join(parts, ", "))
}

// name tells steps apart.
func (s Step[S]) name() string { return string(s.Verb) + " " + s.Target }

// Plan is the steps in order; an empty one means converged.
type Plan[S any] []Step[S]

// String lists the steps as a person reads them.
func (p Plan[S]) String() string {
	lines := make([]string, len(p))
	for i, s := range p {
		lines[i] = s.String()
	}
	return strings.Join(lines, "; ")
}

// Difference is one field that differs. Secrets are redacted where it is built.
type Difference struct{ Path, Have, Want string }

func (d Difference) String() string {
	return fmt.Sprintf("%s: %q -> %q", d.Path, d.Have, d.Want)
}
