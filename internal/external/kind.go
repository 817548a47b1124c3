// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Kind is everything that the loop knows of one kind of resource: a name, the six
// methods of its Adapter, and hooks. A hook that is nil does what its comment says.
type Kind[O Object, I, S any] struct {
	// Name is the kind as metrics and inventories name it. Required.
	Name string
	// Adapter gathers, decides, observes and writes. Required.
	Adapter Adapter[O, I, S]

	// OwnsNothing is true for a kind that makes nothing outside: its objects carry no
	// finalizer, and deleting one needs no pass.
	OwnsNothing bool
	// Management returns the management policy of what an object lives in, such as its
	// Workspace; the stricter of that and the object's own counts. It reads the cluster and
	// nothing outside, because it is called before a pass is known to be Paused. Nil: the
	// object's own policy counts.
	Management func(ctx context.Context, obj O) (Management, error)
	// GatherAgain reads the cluster again before a pass observes what its steps led to, for
	// what other objects may have changed meanwhile. It returns the input of the rest of the
	// pass. Nil: what Gather read counts until the pass ends.
	GatherAgain func(ctx context.Context, obj O, in I) (I, error)
	// Resync is the time between two observations. Nil, or a result of zero or less:
	// Options.Resync.
	Resync func(in I) time.Duration
	// Conditions are set at the end of each pass that gathered, for example whether a
	// Boundary allows what the spec asks for. The loop owns Ready, ReferencesResolved, Synced,
	// Reconciling and Stalled. Nil: no others are set.
	Conditions func(in I) []metav1.Condition
	// Intend changes the status of an object to cover a step; the loop writes it before the
	// step, if it changed, and a crash in between costs a read and leaks nothing. Have is
	// the state before the step. Nil: nothing is recorded before a step.
	Intend func(obj O, have S, step Step[S])
	// ObserveCached is Observe through a read-through cache that many objects share. False
	// means that the cache cannot tell. The loop uses it where it would observe only because
	// time has passed: nothing that the object is made from has changed since a pass of this
	// process observed it and found nothing to do. If the result shows something to do, or
	// anything that status does not say, the loop calls Observe and acts on that alone.
	// Nil: every pass observes.
	ObserveCached func(ctx context.Context, in I) (S, bool, error)
	// ExternalStatus returns where the status of an object keeps its plan and its drift. Nil:
	// the loop corrects what differs and reports neither.
	ExternalStatus func(obj O) *v1alpha1.ExternalStatus
	// ChangedBy says who last changed what a step is about, and when, for reports of drift.
	// Zero values mean that it is not known. Nil: it is never known.
	ChangedBy func(have S, step Step[S]) (who string, at time.Time)
	// Remaining lists what stays outside when an object is deleted and what it made is not:
	// from status, a line for each thing, with ids, names and privileges and never a secret,
	// and the Workspace that all of it is in. It is pure. Nil, or no line: nothing stays.
	Remaining func(obj O) (workspace string, lines []string)
	// Auxiliaries are further adapters of the same objects, for temporary resources. They are
	// driven in order after the Adapter. Nil: there are none.
	Auxiliaries []Attached[O, I]
}
