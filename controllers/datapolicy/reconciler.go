// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

const (
	// askingAgain is how soon to look at a round if nobody says that it is over.
	askingAgain = time.Minute
	// endingAgain is how soon to look again when a deletion has ended a round.
	endingAgain = time.Second
)

// Reconciler is the loop of DataPolicies with questions around it:
//
//	delete what earlier questions left --> one pass of the loop --> record and begin to ask
//
// so that no question comes before a table is protected, and nothing of one outlives
// its DataPolicy.
type Reconciler struct {
	loop     *external.Reconciler[*v1alpha1.DataPolicy, input, state]
	client   client.Client
	recorder events.EventRecorder
	connect  asking
	verifier *verifier
}

// asking signs in to a workspace to ask there.
type asking interface {
	Asker(ctx context.Context, workspace string) (asker, error)
}

// Reconcile runs one pass.
func (r *Reconciler) Reconcile(ctx context.Context, p *v1alpha1.DataPolicy) (reconcile.Result, error) {
	deleting := !p.DeletionTimestamp.IsZero()
	if p.Spec.ManagementPolicy == v1alpha1.ManagementPaused || deleting && !controllerutil.ContainsFinalizer(p, external.Finalizer) {
		return r.loop.Reconcile(ctx, p)
	}
	key := client.ObjectKeyFromObject(p)
	last, asked := r.verifier.round(key)
	if deleting && last.running {
		last.end() // its policies go first
		return reconcile.Result{RequeueAfter: endingAgain}, nil
	}
	left := false
	if !last.running && (asked || len(p.Status.Asking) > 0) {
		err := r.clear(ctx, p, asked && last.clean)
		if left = err != nil; left && deleting {
			if p.Spec.DeletionPolicy == v1alpha1.DeletionDelete {
				return reconcile.Result{}, err
			}
			r.recorder.Eventf(p, nil, corev1.EventTypeWarning, v1alpha1.EventReasonLeftBehind, "Delete", "%s", conditions.Short("A federation policy by which the operator asked as a Role is left behind: "+err.Error()))
		} else if left {
			log.FromContext(ctx).Error(err, "Deleting federation policies of earlier questions")
		}
	}
	r.verifier.take(key)
	before := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionGroupsVisible).DeepCopy()
	result, err := r.loop.Reconcile(ctx, p)
	todo := r.verifier.take(key)
	if deleting || err != nil {
		if deleting {
			r.verifier.drop(key)
		}
		return result, err
	}
	r.tell(p, before)
	switch {
	case last.running || left:
		todo.sooner(askingAgain)
	case len(todo.witnesses) > 0:
		if err := r.begin(ctx, p, todo.witnesses); err != nil {
			return reconcile.Result{}, err
		}
		todo.sooner(askingAgain)
	}
	if todo.again > 0 && (result.RequeueAfter == 0 || todo.again < result.RequeueAfter) {
		result.RequeueAfter = todo.again
	}
	return result, nil
}

// tell writes an event when it becomes known that a group is not seen.
func (r *Reconciler) tell(p *v1alpha1.DataPolicy, before *metav1.Condition) {
	now := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionGroupsVisible)
	if now == nil || now.Status != metav1.ConditionFalse || before != nil && before.Status == now.Status && before.Reason == now.Reason {
		return
	}
	r.recorder.Eventf(p, nil, corev1.EventTypeWarning, now.Reason, "Verify", "%s", conditions.Short(now.Message))
}

// clear deletes the policies that are recorded, unless the round that made them has, and the record.
func (r *Reconciler) clear(ctx context.Context, p *v1alpha1.DataPolicy, gone bool) error {
	if !gone && len(p.Status.Asking) > 0 {
		c, err := r.connect.Asker(ctx, p.Spec.WorkspaceRef.Name)
		if err != nil {
			return err
		}
		var failures []error
		_, description := r.verifier.policyOf(p)
		for _, a := range p.Status.Asking {
			if err := forget(ctx, c, a.PrincipalID, a.PolicyID, description, false); err != nil {
				failures = append(failures, fmt.Errorf("delete the policy %s of the service principal %s: %w", a.PolicyID, a.PrincipalID, err))
			}
		}
		if err := errors.Join(failures...); err != nil {
			return err
		}
	}
	if err := r.record(ctx, p, nil); client.IgnoreNotFound(err) != nil {
		return err
	}
	r.verifier.drop(client.ObjectKeyFromObject(p))
	return nil
}

// begin records as whom it is about to be asked, and asks.
func (r *Reconciler) begin(ctx context.Context, p *v1alpha1.DataPolicy, list []witness) error {
	c, err := r.connect.Asker(ctx, p.Spec.WorkspaceRef.Name)
	if err != nil {
		return err
	}
	id, _ := r.verifier.policyOf(p)
	var record []v1alpha1.AskingAs
	for _, w := range list {
		if one := (v1alpha1.AskingAs{PrincipalID: w.PrincipalID, PolicyID: id}); !slices.Contains(record, one) {
			record = append(record, one)
		}
	}
	if err := r.record(ctx, p, record); err != nil {
		return client.IgnoreNotFound(err)
	}
	r.verifier.begin(ctx, c, p, list)
	return nil
}

// record writes as whom it is being asked, and nothing else of the status.
func (r *Reconciler) record(ctx context.Context, p *v1alpha1.DataPolicy, list []v1alpha1.AskingAs) error {
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"asking": list}})
	if err != nil {
		return fmt.Errorf("encode the status: %w", err)
	}
	answer := p.DeepCopy() // it may carry a newer spec than this pass is about
	if err := r.client.Status().Patch(ctx, answer, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("record as whom it is asked: %w", err)
	}
	p.Status.Asking = list
	p.SetResourceVersion(answer.GetResourceVersion())
	return nil
}
