// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package roleprobe

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/clusterissuer"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// fake is an account with federation policies, and a warehouse.
type fake struct {
	mu       sync.Mutex
	policies map[string]admin.FederationPolicy
	journal  []string
	// fail holds errors by call. A create that fails has committed.
	fail map[string]error
	// answer runs the statement as an application; nil says true to each check.
	answer func(ctx context.Context, application string) ([]string, error)
}

func (f *fake) call(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.journal = append(f.journal, name)
	return f.fail[name]
}

func (f *fake) calls() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.journal, " ")
}

func (f *fake) Policy(_ context.Context, principal, id string) (*admin.FederationPolicy, error) {
	err := f.call("read")
	f.mu.Lock()
	defer f.mu.Unlock()
	if p, ok := f.policies[principal+"/"+id]; ok && err == nil {
		return &p, nil
	}
	return nil, err
}

func (f *fake) CreatePolicy(_ context.Context, principal string, p admin.FederationPolicy) error {
	err := f.call("create")
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.policies[principal+"/"+p.ID]; ok {
		return errors.New("it exists")
	}
	f.policies[principal+"/"+p.ID] = p
	return err
}

func (f *fake) UpdatePolicy(context.Context, string, admin.FederationPolicy) error {
	return f.call("update")
}

func (f *fake) DeletePolicy(_ context.Context, principal, id string) error {
	if err := f.call("delete"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.policies, principal+"/"+id)
	return nil
}

func (f *fake) Ask(ctx context.Context, application string, _ wire.Secret, r wire.StatementRequest) (*wire.StatementResult, error) {
	if err := f.call("query"); err != nil {
		return nil, err
	}
	row := []string{application}
	for range strings.Count(r.Statement, ", ") {
		row = append(row, "true")
	}
	if f.answer != nil {
		var err error
		if row, err = f.answer(ctx, application); err != nil {
			return nil, err
		}
	}
	out := &wire.StatementResult{Rows: [][]*string{{}}}
	for i := range row {
		out.Rows[0] = append(out.Rows[0], &row[i])
	}
	return out, nil
}

type issuer struct{}

func (issuer) Issuer(context.Context) (clusterissuer.Issuer, error) {
	return clusterissuer.Issuer{URL: "https://cluster", JWKS: "{}"}, nil
}

func tokenOf(claims string) wire.Secret {
	return wire.Secret("x." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".x")
}

const operator = `{"iss": "https://cluster", "sub": "system:serviceaccount:gatehouse:operator", "aud": ["databricks"]}`

func newFake(claims string) (*fake, *Prober) {
	return &fake{policies: map[string]admin.FederationPolicy{}, fail: map[string]error{}}, New(Options{
		Installation: "test", Purpose: "verify", Issuer: issuer{}, Token: func() (wire.Secret, error) { return tokenOf(claims), nil },
	})
}

var (
	owner = &v1alpha1.DataPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "deals"}}
	west  = Probe{Workspace: "main", WarehouseID: "wh", PrincipalID: "7", ApplicationID: "app", Generation: 1, Checks: []string{"is_member('a')", "is_member('b')"}}
)

// end waits for the end of a run.
func end(t *testing.T, p *Prober) {
	t.Helper()
	select {
	case e := <-p.Done():
		if e.Object.GetName() != "deals" || p.Run(owner).Running {
			t.Errorf("%s, %+v", e.Object.GetName(), p.Run(owner))
		}
	case <-time.After(time.Minute):
		t.Fatal("the run does not end")
	}
}

func TestARunLeavesResultsAndNoPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		claims  string
		fail    map[string]error
		foreign bool
		answer  []string
		// calls are those of the run; outcome is that of the first check.
		calls   string
		outcome Outcome
		says    string
		// kept says that a policy stays, removed that this process knows that none of ours does.
		kept, removed bool
	}{
		"true":                      {operator, nil, false, nil, "create query delete", True, "", false, true},
		"false":                     {operator, nil, false, []string{"app", "false", "true"}, "create query delete", Settling, "", false, true},
		"the query fails":           {operator, map[string]error{"query": errors.New("down")}, false, nil, "create query delete", Failed, "run the query: down", false, true},
		"the create was lost":       {operator, map[string]error{"create": errors.New("reset")}, false, nil, "create read delete", Failed, "reset", false, true},
		"a policy of others":        {operator, nil, true, nil, "create read", Failed, "it exists", true, true},
		"it ran as somebody else":   {operator, nil, false, []string{"operator", "true", "true"}, "create query delete", Failed, "did not run as the Role's", false, true},
		"a cell is neither":         {operator, nil, false, []string{"app", "true", "maybe"}, "create query delete", Failed, "unexpected form", false, true},
		"a cell too few":            {operator, nil, false, []string{"app", "true"}, "create query delete", Failed, "unexpected form", false, true},
		"the delete fails":          {operator, map[string]error{"delete": errors.New("down")}, false, nil, "create query delete delete delete", True, "", true, false},
		"a token of another issuer": {`{"iss": "https://other", "sub": "s", "aud": "a"}`, nil, false, nil, "", Failed, "not of the cluster's issuer", false, true},
		"no token at all":           {"{}", nil, false, nil, "", Failed, "not that of a service account", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, p := newFake(c.claims)
			if c.fail != nil {
				f.fail = c.fail
			}
			id, mark := p.PolicyOf(owner)
			if c.foreign {
				f.policies["7/"+id] = admin.FederationPolicy{ID: id, Description: "somebody else's"}
			}
			f.answer = func(context.Context, string) ([]string, error) {
				made := f.policies["7/"+id]
				if made.Description != mark || made.OIDC.Subject != "system:serviceaccount:gatehouse:operator" || made.OIDC.JWKSJSON != "{}" {
					t.Errorf("the policy is %+v", made)
				}
				if c.answer == nil {
					return []string{"app", "true", "true"}, nil
				}
				return c.answer, nil
			}
			p.Results([]Probe{west})
			p.Start(t.Context(), f, owner, []Probe{west})
			end(t, p)
			if f.calls() != c.calls {
				t.Errorf("calls: %s, want %s", f.calls(), c.calls)
			}
			r := p.Results([]Probe{west})[west.Key(west.Checks[0])]
			if got := r.Outcome(p.Now(), false); got != c.outcome || c.says != "" && !strings.Contains(fmt.Sprint(r.Err), c.says) {
				t.Errorf("%+v", r)
			}
			if len(f.policies) > 0 != c.kept || p.Run(owner).Removed("7") != c.removed || p.Run(owner).Removed("8") {
				t.Errorf("policies %v, %+v", f.policies, p.Run(owner))
			}
		})
	}
}

func TestWhatOneRunFindsOutTheNextDoesNotRepeat(t *testing.T) {
	f, p := newFake(operator)
	hold := make(chan struct{})
	f.answer = func(context.Context, string) ([]string, error) { <-hold; return []string{"app", "true", "true"}, nil }
	other := owner.DeepCopy()
	other.Namespace = "rival"
	p.Start(t.Context(), f, owner, []Probe{west})
	for f.calls() != "create query" {
		time.Sleep(time.Millisecond)
	}
	p.Start(t.Context(), f, other, []Probe{west})
	if !p.Run(owner).Running || !p.Run(other).Running {
		t.Error("a run does not run")
	}
	close(hold)
	end(t, p)
	end(t, p)
	if f.calls() != "create query delete" || !p.Run(other).Removed("7") {
		t.Error(f.calls())
	}
}

func TestAStoppedRunEndsAtOnceAndSaysNothingOfItsChecks(t *testing.T) {
	f, p := newFake(operator)
	f.answer = func(ctx context.Context, _ string) ([]string, error) { <-ctx.Done(); return nil, ctx.Err() }
	before := p.Results([]Probe{west})
	ctx, cancel := context.WithCancel(t.Context())
	p.Start(ctx, f, owner, []Probe{west, {PrincipalID: "8", Checks: []string{"true"}}})
	cancel() // the end of a pass is no end of the run
	for f.calls() != "create query" {
		time.Sleep(time.Millisecond)
	}
	p.Stop(owner)
	end(t, p)
	if f.calls() != "create query delete" || !p.Run(owner).Removed("7") || !p.Run(owner).Removed("8") || len(f.policies) > 0 {
		t.Errorf("%s %v", f.calls(), f.policies)
	}
	for key, r := range p.Results([]Probe{west}) {
		if r != before[key] {
			t.Errorf("%+v", r)
		}
	}
}

func TestResultsAge(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	first := Result{Since: now, At: now}
	yes, no := first.with(true, now), first.with(false, now)
	failed := yes.failed(errors.New("down"), now.Add(time.Hour))
	for name, c := range map[string]struct {
		result  Result
		after   time.Duration
		settled bool
		outcome Outcome
		due     bool
		expired bool
	}{
		"not run yet":                          {first, 0, false, Pending, true, false},
		"true":                                 {yes, 59 * time.Minute, false, True, false, false},
		"true, an hour old":                    {yes, time.Hour, false, True, true, false},
		"false and new":                        {no, 19 * time.Second, false, Settling, false, false},
		"false and new, again":                 {no, 20 * time.Second, false, Settling, true, false},
		"false for long":                       {no, 5 * time.Minute, false, False, true, false},
		"false before":                         {no, 0, true, False, false, false},
		"true, and then a failure":             {failed, time.Hour, false, True, false, false},
		"true, and failures for two hours":     {failed.failed(errors.New("down"), now.Add(3*time.Hour)), 3 * time.Hour, false, Failed, false, false},
		"a failure":                            {first.failed(errors.New("down"), now), 2 * time.Minute, false, Failed, true, false},
		"true, used by nobody for three hours": {yes, 3*time.Hour + time.Second, false, True, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			at := now.Add(c.after)
			if got := c.result.Outcome(at, c.settled); got != c.outcome || c.result.IsDue(at) != c.due || c.result.expired(at) != c.expired {
				t.Errorf("outcome %d, due %t, expired %t", got, c.result.IsDue(at), c.result.expired(at))
			}
		})
	}
}
