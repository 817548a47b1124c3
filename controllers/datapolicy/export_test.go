// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"time"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/roleprobe"
)

// NewKind gives the suite the kind that NewReconciler uses, without auxiliaries.
func NewKind(c client.Client, o Options) external.Kind[*v1alpha1.DataPolicy, input, state] {
	return newAdapter(c, o).kind()
}

// NewProbing makes the loop with a clock for the results of probes, and returns the prober as well.
func NewProbing(c client.Client, recorder events.EventRecorder, o Options, now func() time.Time) (*Reconciler, *roleprobe.Prober) {
	prober := newProber(o, now)
	return newLoop(c, recorder, o, prober), prober
}
