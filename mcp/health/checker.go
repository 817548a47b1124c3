// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

const (
	// fresh is how long a round counts.
	fresh = 30 * time.Second
	// patience is how long a request waits for a round.
	patience = time.Second
	// timeout bounds each question.
	timeout = 10 * time.Second
	// abreast is how many dependencies are asked for at a time.
	abreast = 8
)

// Workspace is how a workspace is asked.
type Workspace interface {
	Exchange(ctx context.Context, r caller.ExchangeRequest) (caller.Token, error)
	// See asks for a dependency; an error says that it is not there, or not ready, or not to be seen.
	See(ctx context.Context, token wire.Secret, d access.Dependency) error
}

// Target is what is asked for.
type Target struct {
	// Name is that of the Workspace in the cluster, and Host where it is.
	Name, Host string
	Workspace  Workspace
	// Identity is who asks; nil means that nobody can yet.
	Identity     *access.Health
	Dependencies []access.Dependency
}

// Options are what a Checker is made of. Durations of zero stand for the defaults.
type Options struct {
	// TokenFile is the pod's projected service account token. Empty: nothing is asked.
	TokenFile string
	// Observed is told of each answer, and Dropped of what is no longer asked for. Optional.
	Observed func(kind, name string, up bool, took time.Duration)
	Dropped  func(kind, name string)
	// Fresh is how long a round counts. Default 30 s.
	Fresh time.Duration
	// Patience is how long a request waits for a round. Default 1 s.
	Patience time.Duration
	// Timeout bounds each question. Default 10 s.
	Timeout time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Checker knows what is known of the dependencies. It is safe for concurrent use.
type Checker struct {
	opts Options

	mu      sync.Mutex
	target  Target
	results map[access.Dependency]result
	// begun is when the last round began, and ended when one last ended.
	begun, ended time.Time
	// round is closed when the one under way ends; nil means that none is.
	round chan struct{}
}

// result is the last answer.
type result struct {
	status  Status
	message string
	took    time.Duration
	at      time.Time
}

// New makes a Checker that has nothing to ask for yet.
func New(o Options) *Checker {
	if o.Observed == nil {
		o.Observed = func(string, string, bool, time.Duration) {}
	}
	if o.Dropped == nil {
		o.Dropped = func(string, string) {}
	}
	for d, standard := range map[*time.Duration]time.Duration{&o.Fresh: fresh, &o.Patience: patience, &o.Timeout: timeout} {
		if *d <= 0 {
			*d = standard
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Checker{opts: o, results: map[access.Dependency]result{}}
}

// tokenEndpoint is the dependency that every server has.
const tokenEndpoint access.DependencyKind = "TokenEndpoint"

// all are the dependencies of a target, the token endpoint first.
func (t Target) all() []access.Dependency {
	return append([]access.Dependency{{Kind: tokenEndpoint, Name: t.Name}}, t.Dependencies...)
}

// Use asks for something else from now on. What is known stays known, where the same
// identity asked the same workspace for it.
func (c *Checker) Use(t Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	same := c.target.Host == t.Host && c.target.Name == t.Name && sameIdentity(c.target.Identity, t.Identity)
	for d := range c.results {
		if !same || !slices.Contains(t.all(), d) {
			delete(c.results, d)
			c.opts.Dropped(string(d.Kind), d.Name)
		}
	}
	if !same {
		c.begun, c.ended = time.Time{}, time.Time{}
	}
	c.target = t
}

func sameIdentity(a, b *access.Health) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ApplicationID == b.ApplicationID && slices.Equal(a.Scopes, b.Scopes)
}

// Report says what is known. It begins a round when the last one is old, and waits
// for it no longer than patience.
func (c *Checker) Report(ctx context.Context) Report {
	if done := c.begin(ctx); done != nil {
		timer := time.NewTimer(c.opts.Patience)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return c.report()
}

// begin begins a round if one is due, and returns what is closed when the round under
// way ends, or nil. A round outlives the request that began it.
func (c *Checker) begin(ctx context.Context) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.round != nil || c.target.Identity == nil || c.opts.TokenFile == "" || !c.begun.IsZero() && c.opts.Now().Sub(c.begun) < c.opts.Fresh {
		return c.round
	}
	c.begun, c.round = c.opts.Now(), make(chan struct{})
	go c.ask(context.WithoutCancel(ctx), c.target)
	return c.round
}

// ask runs one round.
func (c *Checker) ask(ctx context.Context, t Target) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(c.round)
		c.round = nil
		if c.target.Host == t.Host && sameIdentity(c.target.Identity, t.Identity) {
			c.ended = c.opts.Now()
		}
	}()
	// The token is used for this round alone: kept, it would say nothing of the token endpoint.
	var token wire.Secret
	c.measure(ctx, t, t.all()[0], func(ctx context.Context) error {
		got, err := c.exchange(ctx, t)
		if err == nil {
			token = got.AccessToken
		}
		return err
	})
	var group errgroup.Group
	group.SetLimit(abreast)
	for _, d := range t.Dependencies {
		if token == "" {
			c.note(t, d, result{status: Unknown, message: "not asked: the token endpoint gave no token", at: c.opts.Now()})
			continue
		}
		group.Go(func() error {
			c.measure(ctx, t, d, func(ctx context.Context) error { return t.Workspace.See(ctx, token, d) })
			return nil
		})
	}
	_ = group.Wait() // none returns an error
}

// errNoToken is a pod without its own token.
var errNoToken = errors.New("the pod's own token cannot be read")

func (c *Checker) exchange(ctx context.Context, t Target) (caller.Token, error) {
	raw, err := os.ReadFile(c.opts.TokenFile) // kubelet rotates it
	subject := strings.TrimSpace(string(raw))
	if err != nil || subject == "" {
		return caller.Token{}, errNoToken
	}
	return t.Workspace.Exchange(ctx, caller.ExchangeRequest{
		SubjectToken: wire.Secret(subject), ClientID: t.Identity.ApplicationID, Scopes: t.Identity.Scopes,
	})
}

// measure asks one question and notes the answer.
func (c *Checker) measure(ctx context.Context, t Target, d access.Dependency, question func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	began := time.Now()
	err := question(ctx)
	r := result{took: time.Since(began), at: c.opts.Now()}
	if r.status, r.message = judge(err); errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		r.status, r.message = Unavailable, fmt.Sprintf("no answer within %v", c.opts.Timeout)
	}
	c.note(t, d, r)
}

// note keeps an answer, unless it is of a target that is no longer meant.
func (c *Checker) note(t Target, d access.Dependency, r result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.target.Host != t.Host || c.target.Name != t.Name || !sameIdentity(c.target.Identity, t.Identity) || !slices.Contains(c.target.all(), d) {
		return
	}
	c.results[d] = r
	if r.status == Unknown {
		c.opts.Dropped(string(d.Kind), d.Name)
		return
	}
	c.opts.Observed(string(d.Kind), d.Name, r.status == OK, r.took)
}
