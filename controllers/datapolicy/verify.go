// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/clusterissuer"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

const (
	// yesFresh is how long a yes counts. A no is asked about at each pass, except that which its own answer brings.
	yesFresh, noFresh, failureFresh = time.Hour, 20 * time.Second, 2 * time.Minute
	// settleTime is how long a no may come from a membership that warehouses do not know yet.
	settleTime = 5 * time.Minute
	// settleAgain is how soon to look again while that may be so.
	settleAgain = 30 * time.Second
	// keptFor is how long an answer is remembered, and a yes outlives failures to ask again.
	keptFor = 2 * yesFresh
	// mostWitnesses is how many Roles are asked in one round.
	mostWitnesses = 16
	// roundTimeout bounds a round, and questionTimeout each question in it.
	roundTimeout, questionTimeout = 5 * time.Minute, 45 * time.Second
)

// Issuer says who issues the tokens of the cluster's service accounts.
type Issuer interface {
	Issuer(ctx context.Context) (clusterissuer.Issuer, error)
}

// verifier asks Roles whether they are seen as members of groups, in the background, and
// remembers what they said.
type verifier struct {
	// token is the operator's own.
	token        func() (wire.Secret, error)
	issuer       Issuer
	installation string
	now          func() time.Time
	// changed are DataPolicies whose questions were answered.
	changed chan event.GenericEvent
	// turn is held by the round that is asking: what one learns, the next need not ask.
	turn chan struct{}

	mu      sync.Mutex
	answers map[question]*answer
	rounds  map[types.NamespacedName]*round
	due     map[types.NamespacedName]agenda
}

// question is whether a Role as it is now is seen as a member of a group.
type question struct {
	workspace     string
	kind          v1alpha1.GroupKind
	group         string
	applicationID string
	generation    int64
}

// answer is what is known of a question.
type answer struct {
	// since is when the Role was first known as a member.
	since time.Time
	// seen counts if known is set, and is of the time at.
	seen, known bool
	at          time.Time
	// err is why the last time there was no answer.
	err error
	// due is when to ask again.
	due time.Time
}

// agenda is what a pass found to do once it is over.
type agenda struct {
	witnesses []witness
	// again is how soon to look again, if not 0.
	again time.Duration
}

// round is the asking for one DataPolicy.
type round struct {
	running bool
	// clean says that every policy was deleted.
	clean bool
	end   context.CancelFunc
}

func newVerifier(installation string, issuer Issuer, token func() (wire.Secret, error)) *verifier {
	return &verifier{
		token: token, issuer: issuer, installation: installation, now: time.Now,
		changed: make(chan event.GenericEvent, 64), turn: make(chan struct{}, 1),
		answers: map[question]*answer{}, rounds: map[types.NamespacedName]*round{}, due: map[types.NamespacedName]agenda{},
	}
}

func (w witness) question(p *v1alpha1.DataPolicy, group string) question {
	return question{p.Spec.WorkspaceRef.Name, p.Spec.Groups, group, w.ApplicationID, w.Generation}
}

// words names the Role to those who may know of it: the authors of its own namespace.
func (w witness) words(p *v1alpha1.DataPolicy) string {
	if w.Namespace == p.Namespace {
		return "the Role " + w.key()
	}
	return "a Role of another namespace"
}

// told is what is known of the groups of Roles, and puts on the agenda what is not.
func (v *verifier) told(p *v1alpha1.DataPolicy, list []witness) map[string]told {
	out := map[string]told{}
	if len(list) == 0 {
		return out
	}
	reason, why := v.barred(p)
	before := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionGroupsVisible)
	settled := answered(before, p.Generation) && before.Reason == v1alpha1.ReasonGroupNotSeen
	v.mu.Lock()
	defer v.mu.Unlock()
	v.prune()
	now := v.now()
	var todo agenda
	for _, w := range list {
		ask := w
		ask.Groups = nil
		for _, g := range w.Groups {
			a := v.answers[w.question(p, g)]
			if a == nil {
				a = &answer{since: now, at: now}
				v.answers[w.question(p, g)] = a
			}
			t := a.told(now, settled)
			t.by = w.words(p)
			if w.Namespace != p.Namespace && t.standing == failed {
				t.why = "there was no answer"
			}
			switch {
			case reason != "" && t.standing != affirmed:
				t.standing, t.reason, t.why = barred, reason, why
			case reason == "" && !now.Before(a.due):
				ask.Groups = append(ask.Groups, g)
			case t.standing == settling:
				todo.sooner(settleAgain)
			case t.standing == failed:
				todo.sooner(failureFresh)
			}
			out[g] = t
		}
		if len(ask.Groups) > 0 && len(todo.witnesses) < mostWitnesses {
			todo.witnesses = append(todo.witnesses, ask)
		}
	}
	v.due[client.ObjectKeyFromObject(p)] = todo
	return out
}

func (a *agenda) sooner(d time.Duration) {
	if a.again == 0 || d < a.again {
		a.again = d
	}
}

// told says how far asking has come.
func (a *answer) told(now time.Time, settled bool) told {
	switch {
	case a.known && a.seen:
		return told{standing: affirmed}
	case a.known && !settled && now.Sub(a.since) < settleTime:
		return told{standing: settling}
	case a.known:
		return told{standing: unseen}
	case a.err != nil:
		return told{standing: failed, reason: v1alpha1.ReasonGroupsUnknown, why: a.err.Error()}
	}
	return told{standing: pending}
}

// barred says why nobody may be asked, or nothing.
func (v *verifier) barred(p *v1alpha1.DataPolicy) (reason, why string) {
	if p.Spec.ManagementPolicy == v1alpha1.ManagementObserveOnly {
		return v1alpha1.ReasonObserveOnly, "the management policy is ObserveOnly, and asking needs a federation policy for a moment"
	}
	if _, err := v.token(); err != nil {
		f := fault.Of(err)
		return f.Reason, f.Error()
	}
	if v.issuer == nil {
		return v1alpha1.ReasonIssuerUnknown, "the operator cannot ask who issues the cluster's tokens"
	}
	return "", ""
}

// prune forgets what is old. An answer in use is renewed before that.
func (v *verifier) prune() {
	for q, a := range v.answers {
		if v.now().Sub(a.at) > keptFor && v.now().After(a.due.Add(keptFor)) {
			delete(v.answers, q)
		}
	}
}

// remember keeps what a Role said of its groups, or why it said nothing.
func (v *verifier) remember(p *v1alpha1.DataPolicy, w witness, said map[string]bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	for _, g := range w.Groups {
		a := v.answers[w.question(p, g)]
		if a == nil {
			a = &answer{since: now}
			v.answers[w.question(p, g)] = a
		}
		switch yes, ok := said[g]; {
		case err != nil || !ok:
			a.err, a.due = err, now.Add(failureFresh)
			if a.known && now.Sub(a.at) > keptFor {
				a.known = false
			}
		case yes:
			a.known, a.seen, a.at, a.err, a.due = true, true, now, nil, now.Add(yesFresh)
		default:
			a.known, a.seen, a.at, a.err, a.due = true, false, now, nil, now.Add(noFresh)
		}
	}
}

// open leaves of a witness the groups that another round has not had answered meanwhile.
func (v *verifier) open(p *v1alpha1.DataPolicy, w witness) witness {
	v.mu.Lock()
	defer v.mu.Unlock()
	w.Groups = slices.DeleteFunc(slices.Clone(w.Groups), func(g string) bool {
		a := v.answers[w.question(p, g)]
		return a != nil && v.now().Before(a.due)
	})
	return w
}

// take returns what the pass that is over left to do.
func (v *verifier) take(key types.NamespacedName) agenda {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.due[key]
	delete(v.due, key)
	return out
}

// round is what is known of the asking for a DataPolicy; the second is false when this process has not asked.
func (v *verifier) round(key types.NamespacedName) (round, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := v.rounds[key]
	if r == nil {
		return round{}, false
	}
	return *r, true
}

func (v *verifier) drop(key types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.rounds, key)
}

// begin asks in the background, as the Roles whose names the status of the DataPolicy records already.
func (v *verifier) begin(ctx context.Context, c asker, p *v1alpha1.DataPolicy, list []witness) {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), roundTimeout)
	key := client.ObjectKeyFromObject(p)
	r := &round{running: true, clean: true, end: end}
	v.mu.Lock()
	v.rounds[key] = r
	v.mu.Unlock()
	p = p.DeepCopy()
	go func() {
		defer end()
		clean := true
		select {
		case v.turn <- struct{}{}:
			for _, w := range list {
				if w = v.open(p, w); len(w.Groups) > 0 && ctx.Err() == nil {
					said, gone, err := v.ask(ctx, c, p, w)
					clean = clean && gone
					v.remember(p, w, said, err)
				}
			}
			<-v.turn
		case <-ctx.Done():
		}
		v.mu.Lock()
		r.running, r.clean = false, clean
		v.mu.Unlock()
		select {
		case v.changed <- event.GenericEvent{Object: p}:
		default: // the next pass is not far
		}
	}()
}
