// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
	"github.com/gatehouse-dev/gatehouse/internal/inventory"
	"github.com/gatehouse-dev/gatehouse/internal/sealroot"
)

// adapter is the Connection's part of the loop.
type adapter struct {
	Options
	reader   client.Reader // the cache
	live     client.Reader // past the cache: Secrets
	connect  governed.Connector[Databricks]
	root     sealroot.Store
	versions *versions
}

// input is what one pass decides from.
type input struct {
	client             Databricks
	mark, installation string
	spec               v1alpha1.ConnectionSpec
	// outside says why the Boundary does not allow what is asked for; keep says that it is
	// the MCP service only.
	outside *fault.Fault
	keep    bool
	// refused says why nothing is read or written.
	refused error
	// secret is the credential, or unread says why there is none.
	secret      wire.Secret
	fingerprint string
	unread      error
	// rivals are other Connections, by `<namespace>/<name>`, and what they claim.
	rivals map[string]rival
	// The ownership record, as the pass found it.
	id         string
	credential v1alpha1.ConnectionCredential
	services   []string
	// pass is what the pass itself learns.
	pass *learned
	// resync is the Workspace's.
	resync time.Duration
}

// learned is what a pass learns while it goes on.
type learned struct {
	// written is the id of the connection that the credential was written to, and credential what status keeps of that.
	written    string
	credential v1alpha1.ConnectionCredential
	// observed says that the MCP service was read, seen what was there, and failed why it could not be written.
	observed bool
	seen     state
	failed   error
}

// rival is another Connection of this installation.
type rival struct {
	// same says that it declares the same connection, and older that it is the older of both.
	same, older bool
	// claims says that it is not on its way out and that its Boundary allows it.
	claims bool
	// id is that of the connection that it has recorded as its own.
	id string
}

func (a adapter) Gather(ctx context.Context, c *v1alpha1.Connection) (input, error) {
	deleting := !c.DeletionTimestamp.IsZero()
	in := input{
		mark: mark(a.Installation, c.Namespace, c.Name), installation: a.Installation, spec: *c.Spec.DeepCopy(),
		id: c.Status.ConnectionID, credential: c.Status.Credential, services: slices.Clone(c.Status.MCPServices), pass: &learned{},
	}
	if c.Namespace == a.Namespace && !deleting {
		in.refused = fault.Denied(v1alpha1.ReasonInvalid, fmt.Errorf(
			"the Secrets of the namespace %s are the operator's own: declare the Connection in another namespace", c.Namespace))
		return in, nil
	}
	if err := a.decide(ctx, &in, c); err != nil {
		return in, err
	}
	begun := c.Status.Intent != "" || in.id != "" || len(in.services) > 0
	if in.outside != nil && !deleting && (!begun || !in.takesAway(c)) {
		return in, nil // nothing outside is looked at or touched: Desired says why
	}
	ws, err := a.connect.Named(ctx, c.Spec.WorkspaceRef.Name)
	if err != nil {
		switch {
		case deleting && !begun:
			return in, nil // nothing was ever begun, so that nothing is left behind
		case !deleting && in.outside != nil && fault.Is(err, fault.ClassWaiting):
			return in, nil // that it is not allowed is what matters
		}
		return in, governed.CannotBeRemoved(c, "this Connection has in Databricks", err)
	}
	in.client, in.resync = ws.Client, ws.Resync()
	if deleting || in.outside != nil {
		return in, nil //nolint:nilerr // there is none here
	}
	in.secret, in.unread = a.secret(ctx, c)
	if in.unread == nil {
		in.fingerprint, err = a.fingerprint(ctx, c, in.secret)
	}
	return in, err
}

// takesAway is true when the connection is removed because the Boundary does not allow it.
// A Boundary that has not registered the namespace yet removes nothing.
func (in input) takesAway(c *v1alpha1.Connection) bool {
	return in.outside.Reason != v1alpha1.ReasonPending && c.Spec.DeletionPolicy != v1alpha1.DeletionOrphan
}

// decide holds the spec against the Boundary, and finds who else claims the connection.
func (a adapter) decide(ctx context.Context, in *input, c *v1alpha1.Connection) error {
	e, err := inventory.Load(ctx, a.reader)
	if err != nil {
		return err
	}
	in.outside, in.keep = outside(e, c)
	var all v1alpha1.ConnectionList
	if err := a.reader.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list the Connections: %w", err)
	}
	in.rivals = map[string]rival{}
	for i := range all.Items {
		o := &all.Items[i]
		if o.UID == c.UID {
			continue
		}
		r := rival{same: o.Spec.WorkspaceRef == c.Spec.WorkspaceRef && o.Spec.ConnectionName == c.Spec.ConnectionName, id: o.Status.ConnectionID}
		if r.same {
			refusal, _ := outside(e, o)
			r.older, r.claims = access.Older(o, c), o.DeletionTimestamp.IsZero() && refusal == nil
		}
		in.rivals[access.Key(o)] = r
	}
	return nil
}

// outside says why a Boundary does not allow a Connection, and whether only its MCP service is too much.
func outside(e access.Inventory, c *v1alpha1.Connection) (refusal *fault.Fault, keep bool) {
	limits, denial := e.Limits(c.Namespace)
	if denial != nil {
		return governed.Denied(denial), false
	}
	ask := boundary.Connection{Workspace: c.Spec.WorkspaceRef.Name, Name: string(c.Spec.ConnectionName), Hosts: hosts(c.Spec)}
	keep = len(limits.CheckConnection(ask)) == 0
	if c.Spec.MCPService != nil {
		ask.MCPService = string(c.Spec.MCPService.Name)
	}
	refusal = governed.Exceeds(limits, "the Connection", limits.CheckConnection(ask))
	return refusal, keep && refusal != nil
}

// hosts are the names of the hosts that a connection leads to.
func hosts(s v1alpha1.ConnectionSpec) []string {
	all := []string{string(s.Host)}
	if s.OAuthM2M != nil {
		all = append(all, string(s.OAuthM2M.TokenEndpoint))
	}
	for i, raw := range all {
		all[i] = ""
		if u, err := url.Parse(raw); err == nil { // no pattern matches an empty name
			all[i] = u.Hostname()
		}
	}
	return all
}
