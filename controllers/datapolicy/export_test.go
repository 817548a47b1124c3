// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// NewAdapter gives the suite the adapter that NewReconciler uses.
func NewAdapter(c client.Client, o Options) adapter { return newAdapter(c, o) }

// Answered waits for the end of a round of questions.
func (r *Reconciler) Answered(ctx context.Context) error {
	select {
	case <-r.verifier.changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Later moves the clock of answers.
func (r *Reconciler) Later(d time.Duration) {
	r.verifier.mu.Lock()
	defer r.verifier.mu.Unlock()
	before := r.verifier.now
	r.verifier.now = func() time.Time { return before().Add(d) }
}
