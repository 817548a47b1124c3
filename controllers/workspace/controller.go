// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package workspace says of each Workspace whether the operator's credential works
// there, and what it can do. It writes nothing to Databricks.
package workspace

import (
	"context"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=workspaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=workspaces/status,verbs=patch

// What a credential can be seen to do.
const (
	// CapabilityWorkspace: the workspace knows who the operator is.
	CapabilityWorkspace = "Workspace"
	// CapabilityAccount: service principals and workspace assignments of the account can be read.
	CapabilityAccount = "Account"
)

// Options are what the controller is made of.
type Options struct {
	// Connect signs in to workspaces. Required.
	Connect *connect.Connector
}

// state is what was seen of a credential.
type state struct {
	Principal    string
	Capabilities []string
}

type input struct {
	client *admin.Client
	expect string
	resync time.Duration
}

type adapter struct{ connect *connect.Connector }

func (adapter) OwnsNothing() {}

func (a adapter) Gather(ctx context.Context, ws *v1alpha1.Workspace) (input, error) {
	client, err := a.connect.Client(ctx, ws)
	return input{client, ws.Spec.Authentication.ClientID, time.Duration(ws.Spec.ResyncIntervalSeconds) * time.Second}, err
}

func (adapter) Resync(in input) time.Duration { return in.resync }

func (adapter) Desired(in input) (state, error) { return state{Principal: in.expect}, nil }

func (adapter) Observe(ctx context.Context, in input) (state, error) {
	me, err := in.client.Me(ctx)
	if err != nil {
		return state{}, fmt.Errorf("ask the workspace who the operator is: %w", err)
	}
	out := state{Principal: me.Principal, Capabilities: []string{CapabilityWorkspace}}
	switch err := in.client.CheckAccount(ctx); {
	case fault.Is(err, fault.ClassDenied):
	case err != nil:
		return out, fmt.Errorf("ask the account: %w", err)
	default:
		out.Capabilities = []string{CapabilityAccount, CapabilityWorkspace}
	}
	return out, nil
}

// Plan is never anything: what is wrong here, an administrator ends.
func (adapter) Plan(want, have state) (external.Plan[state], error) {
	switch {
	case want.Principal != have.Principal:
		return nil, fault.Denied(v1alpha1.ReasonCredentialRefused, fmt.Errorf(
			"the workspace knows the operator as %s, and `authentication.clientID` is %s", have.Principal, want.Principal))
	case len(have.Capabilities) < 2:
		return nil, fault.Denied(v1alpha1.ReasonCredentialRefused, fmt.Errorf(
			"the operator's service principal %s may not read the account: make it an account administrator", have.Principal))
	}
	return nil, nil
}

func (adapter) Apply(_ context.Context, _ input, have state, _ external.Step[state]) (state, error) {
	return have, nil
}

func (adapter) Report(ws *v1alpha1.Workspace, have state) {
	ws.Status.Principal, ws.Status.Capabilities = have.Principal, have.Capabilities
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	loop := external.NewReconciler(
		external.Options{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("gatehouse-workspace"), Kind: "Workspace"}, adapter{o.Connect})
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Workspace{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}
