// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
)

const (
	// lookupTimeout bounds the queries for what was never looked up: a pass that may
	// revoke waits no longer for them.
	lookupTimeout = 5 * time.Second
	// lookupFresh is how long a fact counts, and lookupRetry a failure.
	lookupFresh, lookupRetry = 5 * time.Minute, 20 * time.Second
)

// catalog is what the lookups need of Databricks.
type catalog interface {
	Function(ctx context.Context, name string) (*admin.Function, error)
	ConnectionHost(ctx context.Context, name string) (string, error)
}

// lookups remember what Databricks says of objects that tools name, so that passes
// neither wait for it nor change what is served when it is away.
type lookups struct {
	client func(ctx context.Context, workspace string) (catalog, error)
	now    func() time.Time
	// changed are servers for which a fact differs from the one before.
	changed chan event.GenericEvent

	mu      sync.Mutex
	entries map[lookup]*fact
}

// lookup is an object in a workspace.
type lookup struct {
	workspace string
	kind      v1alpha1.SecurableType
	name      string
}

// fact is what is known of an object.
type fact struct {
	signature *access.Signature // nil: there is no such function
	plain     bool
	known     bool
	due       time.Time
	// inFlight is closed when the query under way has ended; nil means that none is.
	inFlight chan struct{}
}

func newLookups(client func(ctx context.Context, workspace string) (catalog, error)) *lookups {
	return &lookups{client: client, now: time.Now, changed: make(chan event.GenericEvent, 64), entries: map[lookup]*fact{}}
}

// of returns what is known of the objects of a server's tools. What was never looked
// up is read now; what is old is read while the pass goes on.
func (l *lookups) of(ctx context.Context, s *v1alpha1.MCPServer, tools []v1alpha1.ToolSpec) access.Lookups {
	out := access.Lookups{Functions: map[string]access.Signature{}, Connections: map[string]bool{}}
	var missing []lookup
	var wanted []lookup
	var running []chan struct{} // queries of another pass
	l.mu.Lock()
	for _, o := range tooltype.Lookups(tools) {
		k := lookup{s.Spec.WorkspaceRef.Name, o.Type, string(o.Name)}
		wanted = append(wanted, k)
		a := l.entries[k]
		if a == nil {
			a = &fact{}
			l.entries[k] = a
		}
		switch {
		case a.inFlight != nil && !a.known:
			running = append(running, a.inFlight)
		case a.inFlight != nil || l.now().Before(a.due):
		case !a.known:
			a.inFlight = make(chan struct{})
			missing = append(missing, k)
		default:
			a.inFlight = make(chan struct{})
			go l.refresh(context.WithoutCancel(ctx), k, s.DeepCopy())
		}
	}
	l.mu.Unlock()
	bounded, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	for _, k := range missing {
		l.query(bounded, k)
	}
	for _, done := range running {
		select {
		case <-done:
		case <-bounded.Done():
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range wanted {
		switch a := l.entries[k]; {
		case a.signature != nil:
			out.Functions[k.name] = *a.signature
		case a.known && k.kind == v1alpha1.SecurableConnection:
			out.Connections[k.name] = !a.plain
		}
	}
	return out
}

// refresh queries again and asks for a pass when what is known changed.
func (l *lookups) refresh(ctx context.Context, k lookup, s *v1alpha1.MCPServer) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if !l.query(ctx, k) {
		return
	}
	select {
	case l.changed <- event.GenericEvent{Object: s}:
	case <-ctx.Done():
	}
}

// query reads one object in Databricks and says whether what is known of it changed. A failure
// changes nothing.
func (l *lookups) query(ctx context.Context, k lookup) (changed bool) {
	next, err := l.fetch(ctx, k)
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.entries[k]
	close(a.inFlight)
	a.inFlight = nil
	if err != nil {
		a.due = l.now().Add(lookupRetry)
		return false
	}
	changed = !a.known || a.plain != next.plain || !reflect.DeepEqual(a.signature, next.signature)
	next.known, next.due = true, l.now().Add(lookupFresh)
	if k.kind == v1alpha1.SecurableFunction && next.signature == nil {
		next.due = l.now().Add(lookupRetry) // it may be made any moment
	}
	*a = next
	return changed
}

func (l *lookups) fetch(ctx context.Context, k lookup) (fact, error) {
	client, err := l.client(ctx, k.workspace)
	if err != nil {
		return fact{}, err
	}
	if k.kind == v1alpha1.SecurableConnection {
		host, err := client.ConnectionHost(ctx, k.name)
		return fact{plain: strings.HasPrefix(strings.ToLower(host), "http://")}, err
	}
	f, err := client.Function(ctx, k.name)
	if err != nil || f == nil {
		return fact{}, err
	}
	s := &access.Signature{Table: f.Table}
	for _, p := range f.Parameters {
		s.Parameters = append(s.Parameters, access.SignatureParameter{Name: p.Name, Type: p.Type, Optional: p.Default, Comment: p.Comment})
	}
	return fact{signature: s}, nil
}
