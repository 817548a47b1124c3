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

const (
	// mostPlanned and mostDrifted bound the lists in status, beside a line that counts the rest.
	mostPlanned, mostDrifted = 32, 16
	// longestLine bounds a line of them, in bytes.
	longestLine = 512
	// longestWhat bounds the steps in an event, which holds 1024 bytes.
	longestWhat = 640
)

// syncMemory is what this process remembers of objects that it found in sync, by UID. The
// zero value is ready to use. One object is never in two passes: what is remembered of
// it needs no lock.
type syncMemory struct{ objects sync.Map }

// lastSync is what is known of one object.
type lastSync struct {
	fingerprint string
	// at is when the outside was last observed in sync; own says that this process observed it.
	at  time.Time
	own bool
	// reported are the steps of a drift that was reported and is not corrected yet.
	reported []string
}

func (m *syncMemory) forget(id types.UID) { m.objects.Delete(id) }

// recall returns what is known of an object: from this process, or else from status.
func (m *syncMemory) recall(id types.UID, s *v1alpha1.ExternalStatus) *lastSync {
	if v, ok := m.objects.Load(id); ok {
		if r, ok := v.(*lastSync); ok {
			return r
		}
	}
	if s.LastSync == nil {
		return nil
	}
	out := &lastSync{fingerprint: s.LastSync.Fingerprint, at: s.LastSync.At.Time}
	if d := s.LastDrift; d != nil && !d.DetectedAt.Time.Before(out.at) {
		out.reported = slices.Clone(d.Steps) // before the operator started again
	}
	return out
}

// fingerprint is a hash of a desired state. It is compared with those of the same
// release only: another one finds no drift in its first pass, and no harm is done.
func fingerprint(desired any) string {
	sum := sha256.Sum256([]byte(dump.ForHash(desired)))
	return hex.EncodeToString(sum[:])
}

// reportDrift reports drift: the plan is not empty although nothing declared has changed
// since the object was in sync. It is called before the first step.
func (p *pass[O, I, S]) reportDrift(want, have S, plan Plan[S]) {
	status := p.externalStatus()
	if status == nil || len(plan) == 0 {
		return
	}
	last := p.synced.recall(p.obj.GetUID(), status)
	if last == nil || last.fingerprint != fingerprint(want) {
		if !p.management.observeOnly() {
			// The steps lead to another state. What they leave half done is no drift from the old one.
			p.synced.forget(p.obj.GetUID())
			status.LastSync = nil
		}
		return
	}
	news := slices.ContainsFunc(plan, func(s Step[S]) bool { return !slices.Contains(last.reported, s.String()) })
	for _, s := range plan {
		if line := s.String(); !slices.Contains(last.reported, line) {
			last.reported = append(last.reported, line)
		}
	}
	p.synced.objects.Store(p.obj.GetUID(), last)
	if !news {
		return
	}
	who, at := p.changedBy(have, plan, last.at)
	status.LastDrift = &v1alpha1.Drift{
		DetectedAt: metav1.NewTime(p.opts.Now().Truncate(time.Second)), Steps: lines(plan, mostDrifted), By: cut(who, 256), Since: metav1.NewTime(last.at.Truncate(time.Second)),
	}
	action := "Repair"
	if p.management.observeOnly() {
		action = "Observe"
	}
	p.opts.Recorder.Eventf(p.obj, nil, corev1.EventTypeWarning, v1alpha1.EventReasonDrifted, action, "%s",
		conditions.Short(cut(plan.String(), longestWhat)+": nobody declared a change; "+p.age(last)+lastChange(who, at)))
}

// age says for how long it can have been so, and how that is known.
func (p *pass[O, I, S]) age(last *lastSync) string {
	most := p.opts.Now().Sub(last.at).Round(time.Second)
	at := last.at.UTC().Format(time.RFC3339)
	if !last.own {
		return fmt.Sprintf("so for at most %s: it agreed at %s, and no look since is known, because the operator has started again", most, at)
	}
	return fmt.Sprintf("so for at most %s: the last look that agreed was at %s", most, at)
}

// changedBy is the latest change since the object was in sync. An older one is not the cause.
func (p *pass[O, I, S]) changedBy(have S, plan Plan[S], since time.Time) (who string, at time.Time) {
	if p.kind.ChangedBy == nil {
		return "", time.Time{}
	}
	for _, s := range plan {
		// The outside counts milliseconds.
		if w, t := p.kind.ChangedBy(have, s); t.After(at) && !t.Before(since.Truncate(time.Millisecond)) {
			who, at = w, t
		}
	}
	return who, at
}

// lastChange is who changed something last, as the end of a message.
func lastChange(who string, at time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case who == "":
		return "; changed last at " + at.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("; changed last by %s at %s", cut(who, 128), at.UTC().Format(time.RFC3339))
}

// recordInSync remembers that the outside is as declared. Repaired says that this pass
// has made it so.
func (p *pass[O, I, S]) recordInSync(want S, repaired bool) {
	status := p.externalStatus()
	if status == nil {
		return
	}
	now := lastSync{fingerprint: fingerprint(want), at: p.observedAt, own: true}
	last := p.synced.recall(p.obj.GetUID(), status)
	drifted := repaired && last != nil && len(last.reported) > 0
	if drifted {
		corrected.WithLabelValues(p.kind.Name).Inc()
		driftAge.WithLabelValues(p.kind.Name).Observe(p.observedAt.Sub(last.at).Seconds())
	}
	if drifted || status.LastSync == nil || status.LastSync.Fingerprint != now.fingerprint {
		status.LastSync = &v1alpha1.SyncRecord{Fingerprint: now.fingerprint, At: metav1.NewMicroTime(p.observedAt)}
	}
	p.synced.objects.Store(p.obj.GetUID(), &now)
}

// externalStatus is where status keeps the plan and the drift; nil for a kind that reports
// neither, and for an object that is being deleted.
func (p *pass[O, I, S]) externalStatus() *v1alpha1.ExternalStatus {
	if p.kind.ExternalStatus == nil || !p.obj.GetDeletionTimestamp().IsZero() {
		return nil
	}
	return p.kind.ExternalStatus(p.obj)
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
