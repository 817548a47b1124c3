// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/dump"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
)

// Reporter is an Object whose status has a place for plans and drift. Of others the
// loop corrects what differs and says nothing more of it.
type Reporter interface {
	GetExternalStatus() *v1alpha1.ExternalStatus
}

// Blamer is an Adapter that knows who changed something last, where the outside tells.
type Blamer[S any] interface {
	// ChangedBy says who changed last what a step is about, and when. Zero values mean
	// that nobody tells.
	ChangedBy(have S, step Step[S]) (who string, at time.Time)
}

const (
	// mostPlanned and mostDrifted bound the lists in status, beside a line that counts the rest.
	mostPlanned, mostDrifted = 32, 16
	// longestLine bounds a line of them, in bytes.
	longestLine = 512
	// longestWhat bounds the steps in an event, which holds 1024 bytes.
	longestWhat = 640
)

// memory is what this process remembers of looks that wrote nothing, by the UID of
// the object. The zero value is ready to use. One object is never in two passes, so
// that what is remembered of it needs no lock.
type memory struct{ objects sync.Map }

// remembered is what is known of one object.
type remembered struct {
	fingerprint string
	// agreed is when the outside was last seen to agree; own says that this process saw it.
	agreed time.Time
	own    bool
	// told are the steps of a drift that was told and is not corrected yet.
	told []string
}

func (m *memory) forget(id types.UID) { m.objects.Delete(id) }

// recall returns what is known of an object: from this process, or else from status.
func (m *memory) recall(id types.UID, s *v1alpha1.ExternalStatus) *remembered {
	if v, ok := m.objects.Load(id); ok {
		if r, ok := v.(*remembered); ok {
			return r
		}
	}
	if s.Agreed == nil {
		return nil
	}
	out := &remembered{fingerprint: s.Agreed.Fingerprint, agreed: s.Agreed.At.Time}
	if d := s.LastDrift; d != nil && !d.DetectedAt.Time.Before(out.agreed) {
		out.told = slices.Clone(d.What) // before the operator started again
	}
	return out
}

// fingerprint is a hash of a desired state. It is compared with those of the same
// release only: another one finds no drift in its first look, and no harm is done.
func fingerprint(desired any) string {
	sum := sha256.Sum256([]byte(dump.ForHash(desired)))
	return hex.EncodeToString(sum[:])
}

// notice tells of drift: the plan is not empty although nothing declared has changed
// since the outside agreed. It is called before the first step.
func (p *pass[O, I, S]) notice(want, have S, plan Plan[S]) {
	status := p.reported()
	if status == nil || len(plan) == 0 {
		return
	}
	last := p.memory.recall(p.obj.GetUID(), status)
	if last == nil || last.fingerprint != fingerprint(want) {
		if !p.management.observeOnly() {
			// The steps lead to another state. What they leave half done is no drift from the old one.
			p.memory.forget(p.obj.GetUID())
			status.Agreed = nil
		}
		return
	}
	news := slices.ContainsFunc(plan, func(s Step[S]) bool { return !slices.Contains(last.told, s.String()) })
	for _, s := range plan {
		if line := s.String(); !slices.Contains(last.told, line) {
			last.told = append(last.told, line)
		}
	}
	p.memory.objects.Store(p.obj.GetUID(), last)
	if !news {
		return
	}
	who, at := p.blame(have, plan, last.agreed)
	status.LastDrift = &v1alpha1.Drift{
		DetectedAt: metav1.NewTime(p.opts.Now().Truncate(time.Second)), What: lines(plan, mostDrifted), By: cut(who, 256), Since: metav1.NewTime(last.agreed.Truncate(time.Second)),
	}
	action := "Repair"
	if p.management.observeOnly() {
		action = "Observe"
	}
	p.opts.Recorder.Eventf(p.obj, nil, corev1.EventTypeWarning, v1alpha1.EventReasonDrifted, action, "%s",
		conditions.Short(cut(plan.String(), longestWhat)+": nobody declared a change; "+p.age(last)+blamed(who, at)))
}

// age says for how long it can have been so, and how that is known.
func (p *pass[O, I, S]) age(last *remembered) string {
	most := p.opts.Now().Sub(last.agreed).Round(time.Second)
	at := last.agreed.UTC().Format(time.RFC3339)
	if !last.own {
		return fmt.Sprintf("so for at most %s: it agreed at %s, and no look since is known, because the operator has started again", most, at)
	}
	return fmt.Sprintf("so for at most %s: the last look that agreed was at %s", most, at)
}

// blame is the latest change since the outside agreed. An older one is not the one looked for.
func (p *pass[O, I, S]) blame(have S, plan Plan[S], since time.Time) (who string, at time.Time) {
	b, ok := p.adapter.(Blamer[S])
	if !ok {
		return "", time.Time{}
	}
	for _, s := range plan {
		// The outside counts milliseconds.
		if w, t := b.ChangedBy(have, s); t.After(at) && !t.Before(since.Truncate(time.Millisecond)) {
			who, at = w, t
		}
	}
	return who, at
}

func blamed(who string, at time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case who == "":
		return "; changed last at " + at.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("; changed last by %s at %s", cut(who, 128), at.UTC().Format(time.RFC3339))
}

// agree remembers that the outside agrees with what is declared. Repaired says that
// this pass has made it so.
func (p *pass[O, I, S]) agree(want S, repaired bool) {
	status := p.reported()
	if status == nil {
		return
	}
	now := remembered{fingerprint: fingerprint(want), agreed: p.looked, own: true}
	last := p.memory.recall(p.obj.GetUID(), status)
	drifted := repaired && last != nil && len(last.told) > 0
	if drifted {
		corrected.WithLabelValues(p.opts.Kind).Inc()
		driftAge.WithLabelValues(p.opts.Kind).Observe(p.looked.Sub(last.agreed).Seconds())
	}
	if drifted || status.Agreed == nil || status.Agreed.Fingerprint != now.fingerprint {
		status.Agreed = &v1alpha1.Agreement{Fingerprint: now.fingerprint, At: metav1.NewMicroTime(p.looked)}
	}
	p.memory.objects.Store(p.obj.GetUID(), &now)
}

// reported is where status says of plans and drift; nil of a kind that says nothing
// of them, and of an object on its way out.
func (p *pass[O, I, S]) reported() *v1alpha1.ExternalStatus {
	r, ok := any(p.obj).(Reporter)
	if !ok || !p.obj.GetDeletionTimestamp().IsZero() {
		return nil
	}
	return r.GetExternalStatus()
}

// lines are the steps of a plan as status has them.
func lines[S any](plan Plan[S], most int) []string {
	var out []string
	for i, s := range plan {
		if i == most {
			return append(out, fmt.Sprintf("and %d more", len(plan)-most))
		}
		out = append(out, cut(s.String(), longestLine))
	}
	return out
}

// cut shortens a text on a rune boundary.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := most - len("...")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.ToValidUTF8(s[:end], "") + "..."
}
