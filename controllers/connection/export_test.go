// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// Kind gives the suite the kind of an adapter.
func (a adapter) Kind() external.Kind[*v1alpha1.Connection, input, state] { return a.kind() }

// NewAdapter gives the suite the adapter that NewReconciler uses.
func NewAdapter(c client.Client, live client.Reader, o Options) adapter {
	return newAdapter(c, live, o)
}

// Poll polls an adapter's Secrets once, and returns the Connections that are to be worked on.
func Poll(ctx context.Context, a adapter) []string {
	r := rotation{cached: a.reader, live: a.live, versions: a.versions, every: time.Hour, changed: make(chan event.GenericEvent, 64)}
	r.poll(ctx)
	close(r.changed)
	var out []string
	for e := range r.changed {
		out = append(out, e.Object.GetName())
	}
	return out
}

// Mark is the mark of a Connection.
func Mark(installation, namespace, name string) string { return mark(installation, namespace, name) }
