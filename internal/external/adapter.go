// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Object is a custom resource as the loop sees it.
type Object interface {
	client.Object
	GetConditions() []metav1.Condition
	SetConditions([]metav1.Condition)
	GetObservedGeneration() int64
	SetObservedGeneration(int64)
	// GetManagementPolicy is Enforce, ObserveOnly or Paused.
	GetManagementPolicy() string
	// GetDeletionPolicy is Delete or Orphan.
	GetDeletionPolicy() string
}

// Adapter is all that one kind supplies. O is the custom resource, I what was
// gathered for it, S the external state in the kind's own types. The zero S means
// that nothing exists.
type Adapter[O Object, I, S any] interface {
	// Gather reads the cluster: references, credentials. For an object being deleted it
	// needs status and credentials only.
	Gather(ctx context.Context, obj O) (I, error)
	// Desired is pure.
	Desired(in I) (S, error)
	// Observe reads the outside: only what obj owns.
	Observe(ctx context.Context, in I) (S, error)
	// Plan is pure: the writes, in order, that lead from observed to desired.
	Plan(desired, observed S) (Plan[S], error)
	// Apply writes one step, and returns the state with what the step learned, also
	// when it failed half way.
	Apply(ctx context.Context, in I, have S, step Step[S]) (S, error)
	// Report is pure: it fills in status fields. Conditions are the loop's.
	Report(obj O, observed S)
}

// Intender is an Adapter whose steps need to be announced in status before they
// are taken, so that a crash in between costs a read and not a leak.
type Intender[O Object, S any] interface {
	// Intend changes the status of obj so that it covers the step; the loop writes it
	// before the step if it changed. Have is the state before the step.
	Intend(obj O, have S, step Step[S])
}

// Bounded is an Adapter that has more to say in conditions than the loop, from
// what was gathered: for example whether a Boundary allows what the spec asks for.
type Bounded[I any] interface {
	// Conditions are set at the end of each pass that gathered. The loop owns Ready,
	// ReferencesResolved, Synced, Reconciling and Stalled.
	Conditions(in I) []metav1.Condition
}

// Watcher is an Adapter of a kind that owns nothing outside: its objects carry no
// finalizer, and deleting one is nobody's work.
type Watcher interface {
	// OwnsNothing does nothing; having it is the statement.
	OwnsNothing()
}

// Scheduled is an Adapter that chooses the time between two looks at the outside.
type Scheduled[I any] interface {
	Resync(in I) time.Duration
}

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
