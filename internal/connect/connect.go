// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package connect turns a Workspace into a client that is signed in to it.
package connect

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Options are what a Connector is made of. All are required but TokenFile, without
// which no Workspace can use workload identity.
type Options struct {
	// Workspaces reads Workspaces, from a cache or not.
	Workspaces client.Reader
	// Secrets reads Secrets past every cache.
	Secrets client.Reader
	// Namespace is the operator's: credentials come from there and nowhere else.
	Namespace string
	// TokenFile is the operator's projected service account token.
	TokenFile string
	Pool      *admin.Pool
}

// Connector gives clients. It is safe for concurrent use.
type Connector struct{ opts Options }

// New makes a Connector.
func New(o Options) *Connector { return &Connector{o} }

// Named returns a Workspace by its name and a client for it. One that does not
// exist is a fault Waiting.
func (c *Connector) Named(ctx context.Context, name string) (*v1alpha1.Workspace, *admin.Client, error) {
	var ws v1alpha1.Workspace
	err := c.opts.Workspaces.Get(ctx, types.NamespacedName{Name: name}, &ws)
	if apierrors.IsNotFound(err) {
		return nil, nil, fault.Waiting(v1alpha1.ReasonWorkspaceNotFound, fmt.Errorf("the Workspace %s does not exist", name))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the Workspace %s: %w", name, err)
	}
	client, err := c.Client(ctx, &ws)
	return &ws, client, err
}

// Client returns the client of a Workspace. It makes no call to Databricks.
func (c *Connector) Client(ctx context.Context, ws *v1alpha1.Workspace) (*admin.Client, error) {
	auth := ws.Spec.Authentication
	e := admin.Endpoint{
		AccountHost: string(ws.Spec.AccountHost), AccountID: ws.Spec.AccountID, WorkspaceHost: string(ws.Spec.Host), WorkspaceID: ws.Spec.WorkspaceID,
		CABundle: string(ws.Spec.CABundle), ClientID: auth.ClientID,
	}
	if auth.Type == v1alpha1.AuthenticationClientSecret {
		secret, err := c.secret(ctx, auth.ClientSecretRef)
		if err != nil {
			return nil, err
		}
		e.ClientSecret = secret
	} else {
		if c.opts.TokenFile == "" {
			return nil, fault.Denied(v1alpha1.ReasonCredentialNotFound,
				fmt.Errorf("the operator has no projected token: start it with --databricks-token-file, or set `authentication.type` to ClientSecret"))
		}
		e.TokenFile = c.opts.TokenFile
	}
	client, err := c.opts.Pool.Client(e)
	if err != nil {
		return nil, fault.Invalid(v1alpha1.ReasonInvalid, fmt.Errorf("the Workspace %s: %w", ws.Name, err))
	}
	return client, nil
}

func (c *Connector) secret(ctx context.Context, ref *v1alpha1.SecretKeyReference) (wire.Secret, error) {
	if ref == nil {
		return "", fault.Invalid(v1alpha1.ReasonInvalid, fmt.Errorf("`authentication.clientSecretRef` must be set when `type` is ClientSecret"))
	}
	var s corev1.Secret
	err := c.opts.Secrets.Get(ctx, types.NamespacedName{Namespace: c.opts.Namespace, Name: ref.Name}, &s)
	if err != nil && !apierrors.IsNotFound(err) {
		return "", fmt.Errorf("read the Secret %s: %w", ref.Name, err)
	}
	if value := s.Data[ref.Key]; err == nil && len(value) > 0 {
		return wire.Secret(value), nil
	}
	return "", fault.Waiting(v1alpha1.ReasonCredentialNotFound,
		fmt.Errorf("the Secret %s of the operator's namespace %s has no key %s with a value", ref.Name, c.opts.Namespace, ref.Key))
}
