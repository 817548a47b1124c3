// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// NewKind gives the suite the kind that NewReconciler uses.
func NewKind(c client.Client, o Options) external.Kind[*v1alpha1.DataPolicy, input, state] {
	return newAdapter(c, o).kind()
}

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
