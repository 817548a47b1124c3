// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Management is how far the operator may go with an object.
type Management struct {
	// Policy is Enforce, ObserveOnly or Paused. Empty is Enforce.
	Policy v1alpha1.ManagementPolicy
	// By names what else than the object itself says so, for messages.
	By string
}

// WorkspaceManagement is the policy of a Workspace, for kinds that live in one. One that
// does not exist has none: Gather says that it is missing.
func WorkspaceManagement(ctx context.Context, c client.Reader, name string) (Management, error) {
	var ws v1alpha1.Workspace
	if err := c.Get(ctx, types.NamespacedName{Name: name}, &ws); apierrors.IsNotFound(err) {
		return Management{}, nil
	} else if err != nil {
		return Management{}, fmt.Errorf("read the Workspace %s: %w", name, err)
	}
	return Management{Policy: ws.Spec.ManagementPolicy, By: "the Workspace " + name}, nil
}

// strictness is the policies, the stricter ones later.
var strictness = []v1alpha1.ManagementPolicy{"", v1alpha1.ManagementEnforce, v1alpha1.ManagementObserveOnly, v1alpha1.ManagementPaused}

// stricter returns the policy that counts: its own where both are as strict.
func stricter(own, above Management) Management {
	if slices.Index(strictness, above.Policy) > slices.Index(strictness, own.Policy) {
		return above
	}
	return own
}

func (m Management) paused() bool      { return m.Policy == v1alpha1.ManagementPaused }
func (m Management) observeOnly() bool { return m.Policy == v1alpha1.ManagementObserveOnly }

// String is the policy as a sentence about it begins.
func (m Management) String() string {
	if m.By != "" {
		return fmt.Sprintf("the management policy of %s is %s", m.By, m.Policy)
	}
	return fmt.Sprintf("the management policy is %s", m.Policy)
}

// managementOf says how far a pass over an object may go. An error ends the pass.
func (r *Reconciler[O, I, S]) managementOf(ctx context.Context, obj O) (Management, error) {
	own := Management{Policy: v1alpha1.ManagementPolicy(obj.GetManagementPolicy())}
	if r.kind.Management == nil || own.paused() {
		return own, nil
	}
	above, err := r.kind.Management(ctx, obj)
	if err != nil {
		return own, err
	}
	return stricter(own, above), nil
}

// reportPlan writes into status what ObserveOnly found to do. After a pass that could not
// observe, what the one before it found stays.
func (p *pass[O, I, S]) reportPlan(f *fault.Fault) {
	status := p.externalStatus()
	if status == nil || p.management.observeOnly() && f != nil && (f.Class == fault.ClassTransient || f.Class == fault.ClassRateLimited) {
		return
	}
	status.Plan = lines(p.plan, mostPlanned)
}
