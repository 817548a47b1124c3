// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package roleprobe

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/gatehouse-dev/gatehouse/internal/clusterissuer"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

const (
	// MaxProbes is how many probes a run may have.
	MaxProbes = 16
	// runTimeout bounds a run.
	runTimeout = 5 * time.Minute
)

// Issuer says who issues the tokens of the cluster's service accounts.
type Issuer interface {
	Issuer(ctx context.Context) (clusterissuer.Issuer, error)
}

// Options are what a Prober is made of.
type Options struct {
	// Installation names this installation in marks. Required.
	Installation string
	// Purpose tells the policies of probers apart. Required, and never changed: it is part of ids and marks.
	Purpose string
	// Token returns the operator's projected token. Required.
	Token func() (wire.Secret, error)
	// Issuer says who issued the token. Without it no probe runs.
	Issuer Issuer
	// Now is the time. Default time.Now.
	Now func() time.Time
}

// Prober runs probes in the background, one run at a time, and remembers results. It is
// safe for concurrent use.
type Prober struct {
	opts Options
	done chan event.GenericEvent
	// turn is held by the run that is active: the next run does not repeat what this one finds out.
	turn chan struct{}

	mu      sync.Mutex
	results map[Key]Result
	runs    map[types.NamespacedName]*run
}

// run is the probes that were started together for one object.
type run struct {
	running bool
	ended   time.Time
	// removed are the service principals, by numeric id, that have no policy of this run any more.
	removed map[string]bool
	stop    context.CancelFunc
}

// Snapshot is what this process knows of the last run for an object.
type Snapshot struct {
	// Running says that the run has not ended. It deletes its policies itself.
	Running bool
	removed map[string]bool
}

// Removed says whether this process knows that a service principal has no policy of the
// object's probes, although one may be recorded.
func (s Snapshot) Removed(principalID string) bool { return s.removed[principalID] }

// New makes a Prober.
func New(o Options) *Prober {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Prober{
		opts: o, done: make(chan event.GenericEvent, 64), turn: make(chan struct{}, 1),
		results: map[Key]Result{}, runs: map[types.NamespacedName]*run{},
	}
}

// Now is the time that results are held against.
func (p *Prober) Now() time.Time { return p.opts.Now() }

// Done sends the owner of each run that has ended.
func (p *Prober) Done() <-chan event.GenericEvent { return p.done }

// Results returns what is known of the checks of probes. It begins the settle time of
// those that are new.
func (p *Prober) Results(probes []Probe) map[Key]Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.opts.Now()
	maps.DeleteFunc(p.results, func(_ Key, r Result) bool { return r.expired(now) })
	out := map[Key]Result{}
	for _, probe := range probes {
		for _, check := range probe.Checks {
			key := probe.Key(check)
			if _, ok := p.results[key]; !ok {
				p.results[key] = Result{Since: now, At: now}
			}
			out[key] = p.results[key]
		}
	}
	return out
}

// Run returns what is known of the last run for an object.
func (p *Prober) Run(owner client.Object) Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.runs[client.ObjectKeyFromObject(owner)]
	if r == nil {
		return Snapshot{}
	}
	return Snapshot{Running: r.running, removed: maps.Clone(r.removed)}
}

// Stop ends the run for an object early. It does not wait for the end.
func (p *Prober) Stop(owner client.Object) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.runs[client.ObjectKeyFromObject(owner)]; r != nil {
		r.stop()
	}
}

// Start runs probes for an object in the background and returns at once. The status of the
// object already records the service principals. Done reports the end.
func (p *Prober) Start(ctx context.Context, c Client, owner client.Object, probes []Probe) {
	if o, ok := owner.DeepCopyObject().(client.Object); ok {
		owner = o // the caller goes on to change it
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), runTimeout)
	r := &run{running: true, removed: map[string]bool{}, stop: stop}
	p.mu.Lock()
	now := p.opts.Now()
	maps.DeleteFunc(p.runs, func(_ types.NamespacedName, o *run) bool { return !o.running && now.Sub(o.ended) > retention })
	p.runs[client.ObjectKeyFromObject(owner)] = r
	p.mu.Unlock()
	go func() {
		defer stop()
		removed := p.work(ctx, c, owner, probes)
		p.mu.Lock()
		r.running, r.ended, r.removed = false, p.opts.Now(), removed
		p.mu.Unlock()
		select {
		case p.done <- event.GenericEvent{Object: owner}:
		default: // a pass follows soon in any case
		}
	}()
}

// work runs probes one after the other, and returns the service principals without a policy.
func (p *Prober) work(ctx context.Context, c Client, owner client.Object, probes []Probe) map[string]bool {
	removed := map[string]bool{}
	for _, probe := range probes {
		removed[probe.PrincipalID] = true
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return removed
	}
	for _, probe := range probes {
		if probe = p.open(probe); len(probe.Checks) == 0 || ctx.Err() != nil {
			continue
		}
		values, gone, err := p.query(ctx, c, owner, probe)
		if !gone {
			removed[probe.PrincipalID] = false
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			break // Stop says nothing of the checks, which other objects may share
		}
		p.remember(probe, values, err)
	}
	return removed
}

// open leaves of a probe the checks that another run has not made meanwhile.
func (p *Prober) open(probe Probe) Probe {
	p.mu.Lock()
	defer p.mu.Unlock()
	probe.Checks = slices.DeleteFunc(slices.Clone(probe.Checks), func(check string) bool {
		r, ok := p.results[probe.Key(check)]
		return ok && !r.IsDue(p.opts.Now())
	})
	return probe
}

// remember keeps the values of a probe's checks, or why there are none.
func (p *Prober) remember(probe Probe, values map[string]bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.opts.Now()
	for _, check := range probe.Checks {
		key := probe.Key(check)
		r, ok := p.results[key]
		if !ok {
			r.Since = now
		}
		if err != nil {
			p.results[key] = r.failed(err, now)
		} else {
			p.results[key] = r.with(values[check], now)
		}
	}
}
