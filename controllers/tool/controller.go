// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tool says of each Tool whether it can be served. It writes nothing.
package tool

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=tools,verbs=get;list;watch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=tools/status,verbs=patch

type (
	state   struct{}
	adapter struct{}
)

func (adapter) OwnsNothing() {}

func (adapter) Gather(_ context.Context, t *v1alpha1.Tool) (v1alpha1.ToolSpec, error) {
	return t.Spec, nil
}

func (adapter) Desired(spec v1alpha1.ToolSpec) (state, error) {
	if err := tooltype.Check(spec); err != nil {
		return state{}, fault.Invalid(v1alpha1.ReasonInvalidSchema, fmt.Errorf("the tool cannot be served: %w", err))
	}
	return state{}, nil
}

func (adapter) Observe(context.Context, v1alpha1.ToolSpec) (state, error) { return state{}, nil }
func (adapter) Plan(state, state) (external.Plan[state], error)           { return nil, nil }
func (adapter) Apply(_ context.Context, _ v1alpha1.ToolSpec, have state, _ external.Step[state]) (state, error) {
	return have, nil
}
func (adapter) Report(*v1alpha1.Tool, state) {}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager) error {
	loop := external.NewReconciler(
		external.Options{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("gatehouse-tool"), Kind: "Tool"}, adapter{})
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Tool{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}
