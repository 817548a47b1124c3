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

// Orphaned is the inventory of what stays outside after its object was deleted.
type Orphaned struct {
	Kind, Namespace, Name string
	UID                   types.UID
	At                    time.Time
	Workspace             string
	// Reason says why it stays.
	Reason string
	Lines  []string
}

// Orphans keeps inventories of what deleted objects left outside.
type Orphans interface {
	// Record writes an inventory, and returns where, as an event says it. Recording it again changes nothing.
	Record(ctx context.Context, o Orphaned) (where string, err error)
}

const (
	// mostOrphaned bounds the lines of an inventory, beside one that counts the rest. It
	// holds every record that a status has room for.
	mostOrphaned = 2100
	// longestReported bounds the line in the event.
	longestReported = 512
)

// orphan records what an object leaves outside, and reports it in an event. The
// finalizer is still there: without an inventory the object does not go.
func (p *pass[O, I, S]) orphan(ctx context.Context) error {
	if p.kind.Remaining == nil {
		return nil
	}
	workspace, all := p.kind.Remaining(p.obj)
	if len(all) == 0 {
		return nil
	}
	o := Orphaned{
		Kind: p.kind.Name, Namespace: p.obj.GetNamespace(), Name: p.obj.GetName(), UID: p.obj.GetUID(),
		At: p.opts.Now().UTC().Truncate(time.Second), Workspace: workspace, Reason: p.whyOrphaned(),
	}
	for i, line := range all {
		if i == mostOrphaned {
			o.Lines = append(o.Lines, fmt.Sprintf("and %d more", len(all)-mostOrphaned))
			break
		}
		o.Lines = append(o.Lines, cut(line, longestLine))
	}
	list := ""
	if p.opts.Orphans != nil {
		where, err := p.opts.Orphans.Record(ctx, o)
		if err != nil {
			return fmt.Errorf("write down what stays in Databricks: %w", err)
		}
		list = "; " + where + " has the list"
	}
	first := cut(o.Lines[0], longestReported)
	if n := len(all) - 1; n > 0 {
		first += fmt.Sprintf(" and %d more", n)
	}
	p.opts.Recorder.Eventf(p.obj, nil, corev1.EventTypeWarning, v1alpha1.EventReasonLeftBehind, "Delete", "%s",
		conditions.Short(fmt.Sprintf("%s, so that this stays in Databricks and nobody looks after it: %s%s", capital(o.Reason), first, list)))
	return nil
}

// whyOrphaned says why what the object has outside stays there.
func (p *pass[O, I, S]) whyOrphaned() string {
	if p.obj.GetDeletionPolicy() == string(v1alpha1.DeletionOrphan) {
		return "the deletion policy is Orphan"
	}
	return p.management.String()
}
