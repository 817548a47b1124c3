// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
)

// Leaver is an Adapter that knows what an object has outside which stays there when the
// object goes alone.
type Leaver[O Object] interface {
	// Left is pure: what status records, a line for each thing, with ids, names and
	// privileges and never a secret, and the Workspace that all of it is in. No line means that nothing stays.
	Left(obj O) (workspace string, lines []string)
}

// Remains are what an object leaves behind.
type Remains struct {
	Kind, Namespace, Name string
	UID                   types.UID
	At                    time.Time
	Workspace             string
	// Reason says why it stays.
	Reason string
	Lines  []string
}

// LeftBehind keeps inventories of what objects left behind. Writing one again changes nothing.
type LeftBehind interface {
	// Keep writes an inventory down, and returns where, as an event says it.
	Keep(ctx context.Context, r Remains) (where string, err error)
}

const (
	// mostLeft bounds the lines of an inventory, beside one that counts the rest. It
	// holds every record that a status has room for.
	mostLeft = 2100
	// longestTold bounds the lines in the event.
	longestTold = 512
)

// leave writes down what an object that goes alone leaves outside, and tells of it. The
// finalizer is still there: without an inventory the object does not go.
func (p *pass[O, I, S]) leave(ctx context.Context) error {
	leaver, ok := p.adapter.(Leaver[O])
	if !ok {
		return nil
	}
	workspace, all := leaver.Left(p.obj)
	if len(all) == 0 {
		return nil
	}
	r := Remains{
		Kind: p.opts.Kind, Namespace: p.obj.GetNamespace(), Name: p.obj.GetName(), UID: p.obj.GetUID(),
		At: p.opts.Now().UTC().Truncate(time.Second), Workspace: workspace, Reason: p.whyLeft(),
	}
	for i, line := range all {
		if i == mostLeft {
			r.Lines = append(r.Lines, fmt.Sprintf("and %d more", len(all)-mostLeft))
			break
		}
		r.Lines = append(r.Lines, cut(line, longestLine))
	}
	list := ""
	if p.opts.LeftBehind != nil {
		where, err := p.opts.LeftBehind.Keep(ctx, r)
		if err != nil {
			return fmt.Errorf("write down what stays in Databricks: %w", err)
		}
		list = "; " + where + " has the list"
	}
	first := cut(r.Lines[0], longestTold)
	if n := len(all) - 1; n > 0 {
		first += fmt.Sprintf(" and %d more", n)
	}
	p.opts.Recorder.Eventf(p.obj, nil, corev1.EventTypeWarning, v1alpha1.EventReasonLeftBehind, "Delete", "%s",
		conditions.Short(fmt.Sprintf("%s, so that this stays in Databricks and nobody looks after it: %s%s", capital(r.Reason), first, list)))
	return nil
}

// whyLeft says why what the object has outside stays there.
func (p *pass[O, I, S]) whyLeft() string {
	if p.obj.GetDeletionPolicy() == string(v1alpha1.DeletionOrphan) {
		return "the deletion policy is Orphan"
	}
	return p.management.String()
}
