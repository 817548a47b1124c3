// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// adapter is the ModelEndpoint's part of the loop.
type adapter struct {
	reader       client.Reader
	connect      governed.Connector[Databricks]
	installation string
}

// input is what one pass decides from.
type input struct {
	client             Databricks
	installation, mark string
	spec               v1alpha1.ModelEndpointSpec
	// outside says why the Boundary does not allow what is asked for.
	outside *fault.Fault
	// rival says why the endpoint, if it carries no mark, is another's.
	rival error
	// want is what the spec comes to with the Roles as they are; roles whose setting is
	// which; unfinished what of it cannot be had, and waiting the Roles that it waits for.
	want       settings
	roles      map[string]string
	unfinished error
	waiting    map[string]bool
	// living are the marks of the ModelEndpoints that there are.
	living map[string]bool
	// recorded is the ownership record as the pass found it, placed what the pass added.
	recorded []v1alpha1.AppliedSetting
	placed   *[]v1alpha1.AppliedSetting
	// resync is the Workspace's.
	resync time.Duration
}

func (a adapter) Gather(ctx context.Context, m *v1alpha1.ModelEndpoint) (input, error) {
	deleting := !m.DeletionTimestamp.IsZero()
	in := input{
		installation: a.installation, mark: mark(a.installation, m.Namespace, m.Name), spec: *m.Spec.DeepCopy(),
		recorded: slices.Clone(m.Status.Applied), placed: &[]v1alpha1.AppliedSetting{},
	}
	if !deleting {
		if err := a.decide(ctx, &in, m); err != nil || in.outside != nil {
			return in, err
		}
	}
	ws, err := a.connect.Named(ctx, m.Spec.WorkspaceRef.Name)
	if err != nil {
		if deleting && len(in.recorded) == 0 && m.Status.Mark != in.mark {
			return in, nil // nothing was ever begun, so that nothing is left behind
		}
		return in, governed.CannotBeRemoved(m, "this ModelEndpoint has set on the endpoint", err)
	}
	in.client, in.resync = ws.Client, ws.Resync()
	return in, nil
}

// decide says what is wanted, whether the Boundary allows it, and who else claims the endpoint.
func (a adapter) decide(ctx context.Context, in *input, m *v1alpha1.ModelEndpoint) error {
	e, err := estate.Load(ctx, a.reader)
	if err != nil {
		return err
	}
	if in.outside = outside(e, m); in.outside != nil {
		return nil //nolint:nilerr // Desired says it
	}
	var all v1alpha1.ModelEndpointList
	if err := a.reader.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list the ModelEndpoints: %w", err)
	}
	in.living = map[string]bool{}
	for i := range all.Items {
		o := &all.Items[i]
		in.living[mark(a.installation, o.Namespace, o.Name)] = true
		if in.rival == nil && rivals(m, o) && o.DeletionTimestamp.IsZero() && access.Older(o, m) && outside(e, o) == nil {
			in.rival = fault.Conflict(v1alpha1.ReasonConflict, fmt.Errorf("the ModelEndpoint %s is older and about the serving endpoint %s too: each endpoint has one owner", access.Key(o), m.Spec.EndpointName))
		}
	}
	in.resolve(e, m)
	return nil
}

// resolve turns the spec into settings. A Role that is gone has no limit any more; one
// without a service principal keeps what it has.
func (in *input) resolve(e access.Estate, m *v1alpha1.ModelEndpoint) {
	in.want, in.roles, in.waiting = declared(m.Spec), map[string]string{}, map[string]bool{}
	var gone []string
	for _, l := range m.Spec.RateLimits {
		if l.Role == nil {
			continue
		}
		i := slices.IndexFunc(e.Roles, func(r v1alpha1.Role) bool { return r.Namespace == m.Namespace && r.Name == l.Role.Name })
		switch {
		case i < 0:
			gone = append(gone, l.Role.Name)
		case e.Roles[i].Status.ServicePrincipal.ApplicationID == "":
			in.waiting[l.Role.Name] = true
		default:
			name := limitName("service_principal", e.Roles[i].Status.ServicePrincipal.ApplicationID)
			in.want[name], in.roles[name] = text(limit{l.CallsPerMinute, l.TokensPerMinute}), l.Role.Name
		}
	}
	switch {
	case len(gone) > 0:
		slices.Sort(gone)
		in.unfinished = fault.Waiting(v1alpha1.ReasonRoleNotFound, fmt.Errorf("there is no Role %s in the namespace, so that nothing limits it", strings.Join(gone, ", ")))
	case len(in.waiting) > 0:
		in.unfinished = fault.Waiting(v1alpha1.ReasonRoleNotReady, fmt.Errorf("the Role %s has no service principal yet, so that nothing limits it", strings.Join(slices.Sorted(maps.Keys(in.waiting)), ", ")))
	}
}

func outside(e access.Estate, m *v1alpha1.ModelEndpoint) *fault.Fault {
	limits, denial := e.Limits(m.Namespace)
	if denial != nil {
		return governed.Denied(denial)
	}
	ask := boundary.ModelEndpoint{Workspace: m.Spec.WorkspaceRef.Name, Endpoint: string(m.Spec.EndpointName)}
	if p := m.Spec.PayloadLogging; p != nil {
		ask.PayloadTable = string(p.Catalog + "." + p.Schema + "." + p.TablePrefix)
	}
	return governed.Exceeds(limits, "the ModelEndpoint", limits.CheckModelEndpoint(ask))
}

// rivals says whether two ModelEndpoints are about the same endpoint.
func rivals(m, o *v1alpha1.ModelEndpoint) bool {
	return o.UID != m.UID && o.Spec.WorkspaceRef == m.Spec.WorkspaceRef && o.Spec.EndpointName == m.Spec.EndpointName
}
