// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// busyAfter is when an endpoint that is being updated is looked at again.
const busyAfter = 15 * time.Second

// Databricks is what a ModelEndpoint needs of it.
type Databricks interface {
	GatewayEndpoint(ctx context.Context, name string) (*admin.GatewayEndpoint, error)
	ChangeGateway(ctx context.Context, name string, change func(admin.GatewayEndpoint) (admin.Gateway, error)) error
	TagEndpoint(ctx context.Context, name, key, value string) error
	UntagEndpoint(ctx context.Context, name, key string) error
	SchemaExists(ctx context.Context, name string) (bool, error)
}

var _ Databricks = (*admin.Client)(nil)

// connector signs in to a workspace.
type connector interface {
	Named(ctx context.Context, name string) (*v1alpha1.Workspace, Databricks, error)
}

// adapter is the ModelEndpoint's part of the loop.
type adapter struct {
	reader       client.Reader
	connect      connector
	installation string
}

var (
	_ external.Adapter[*v1alpha1.ModelEndpoint, input, state] = adapter{}
	_ external.Intender[*v1alpha1.ModelEndpoint, state]       = adapter{}
	_ external.Bounded[input]                                 = adapter{}
	_ external.Scheduled[input]                               = adapter{}
	_ external.Managed[*v1alpha1.ModelEndpoint]               = adapter{}
)

// Conditions say whether the Boundary allows what is asked for.
func (adapter) Conditions(in input) []metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionWithinBoundary, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed, Message: "The Boundary allows what is asked for"}
	if in.outside != nil {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, in.outside.Reason, in.outside.Error()
	}
	return []metav1.Condition{c}
}

// Resync is the workspace's.
func (adapter) Resync(in input) time.Duration { return in.resync }

// Desired is pure.
func (adapter) Desired(in input) (state, error) {
	if in.outside != nil {
		return state{}, in.outside
	}
	seen := map[string]bool{}
	for _, l := range in.spec.RateLimits {
		s := subject(l)
		if seen[s] {
			return state{}, fault.Invalid(v1alpha1.ReasonInvalid, fmt.Errorf("`rateLimits` has two limits of %s: make them one with both `callsPerMinute` and `tokensPerMinute`", s))
		}
		seen[s] = true
	}
	return state{
		Endpoint: string(in.spec.EndpointName), Mark: in.mark, Settings: in.want, Roles: in.roles, Adopt: in.spec.Adoption == v1alpha1.AdoptionAdopt,
		Rival: in.rival, Unfinished: in.unfinished, Waiting: in.waiting,
	}, nil
}

// subject says in words whom a limit is of.
func subject(l v1alpha1.EndpointRateLimit) string {
	switch {
	case l.Role != nil:
		return "the role " + l.Role.Name
	case l.Group != "":
		return "the group " + string(l.Group)
	case l.EveryUser != nil:
		return "every user"
	}
	return "the endpoint"
}

// Observe reads the endpoint.
func (adapter) Observe(ctx context.Context, in input) (state, error) {
	out := state{Endpoint: string(in.spec.EndpointName), Ours: in.mark, Recorded: in.recorded, Wanted: in.want, Roles: in.roles}
	if in.client == nil {
		out.Missing = true
		return out, nil
	}
	e, err := in.client.GatewayEndpoint(ctx, out.Endpoint)
	if err != nil {
		return state{}, err
	}
	if e == nil {
		out.Missing = true
		return out, nil
	}
	out.Mark, out.Busy, out.Settings = e.Tags[tagKey], e.Busy, read(e.Gateway)
	out.Stale = strings.HasPrefix(out.Mark, in.installation+"/modelendpoint/") && !in.living[out.Mark]
	// What this pass has set is ours, and not yet in the record that it began with.
	out.Recorded = append(slices.Clone(in.recorded), *in.placed...)
	return out, nil
}

// Plan is pure.
func (adapter) Plan(want, have state) (external.Plan[state], error) { return planned(want, have) }

// Apply writes one step.
func (adapter) Apply(ctx context.Context, in input, have state, s external.Step[state]) (state, error) {
	name := s.Want.Endpoint
	if s.Want.Mark != "" {
		if s.Verb == external.Delete {
			if err := in.client.UntagEndpoint(ctx, name, tagKey); err != nil {
				return have, err
			}
			have.Mark = ""
			return have, nil
		}
		if err := in.client.TagEndpoint(ctx, name, tagKey, s.Want.Mark); err != nil {
			return have, err
		}
		have.Mark = s.Want.Mark
		return have, nil
	}
	if s.Want.Next != "" {
		if err := awaits(ctx, in.client, s.Want.Next); err != nil {
			return have, err
		}
	}
	err := in.client.ChangeGateway(ctx, name, func(e admin.GatewayEndpoint) (admin.Gateway, error) {
		if m := e.Tags[tagKey]; m != in.mark && (s.Verb != external.Delete || m != "") {
			return nil, fault.Conflict(v1alpha1.ReasonConflict, fmt.Errorf("the mark of the serving endpoint %s has become %q: it is not touched", name, m))
		}
		return changed(e.Gateway, s.Want.Settings, s.Want.Gone), nil
	})
	if err != nil {
		return have, err
	}
	*in.placed = append(*in.placed, records(s.Want)...)
	have.Settings = maps.Clone(have.Settings)
	for _, g := range s.Want.Gone {
		delete(have.Settings, g)
	}
	for n, v := range s.Want.Settings {
		if have.Settings == nil {
			have.Settings = settings{}
		}
		have.Settings[n] = v
	}
	have.Recorded = append(slices.Clone(have.Recorded), records(s.Want)...)
	return have, nil
}

// awaits says why payload logging would not come on again where it is to be moved: it is
// not turned off then.
func awaits(ctx context.Context, c Databricks, next string) error {
	var t table
	if err := json.Unmarshal([]byte(next), &t); err != nil {
		return fmt.Errorf("read where payload logging is moved: %w", err)
	}
	schema := t.Catalog + "." + t.Schema
	there, err := c.SchemaExists(ctx, schema)
	if err == nil && !there {
		err = fault.Waiting(v1alpha1.ReasonSecurableNotFound, fmt.Errorf("payload logging stays where it is: the schema %s does not exist, or the operator may not see it", schema))
	}
	return err
}

// records are the entries of the ownership record for the settings of a step.
func records(s state) []v1alpha1.AppliedSetting {
	var out []v1alpha1.AppliedSetting
	for name := range s.Settings {
		out = append(out, v1alpha1.AppliedSetting{Name: name, Role: s.Roles[name]})
	}
	return out
}

// Intend records settings before they are written.
func (adapter) Intend(m *v1alpha1.ModelEndpoint, _ state, s external.Step[state]) {
	m.Status.Applied = sorted(append(slices.Clone(m.Status.Applied), records(s.Want)...))
}

// Report fills in the status from what was observed.
func (adapter) Report(m *v1alpha1.ModelEndpoint, have state) {
	ours := have.Mark == have.Ours
	var applied []v1alpha1.AppliedSetting
	keep := func(r v1alpha1.AppliedSetting) {
		_, there := have.Settings[r.Name]
		_, wanted := have.Wanted[r.Name]
		if there || wanted {
			applied = append(applied, r)
		}
	}
	for _, r := range m.Status.Applied {
		keep(r)
	}
	for name, value := range have.Wanted {
		if ours && have.Settings.same(name, value) {
			// The mark is older than everything that is declared: what is there is ours, also when the record was lost.
			keep(v1alpha1.AppliedSetting{Name: name, Role: have.Roles[name]})
		}
	}
	m.Status.Mark, m.Status.Applied, m.Status.RateLimits = have.Mark, sorted(applied), nil
	for _, r := range m.Status.Applied {
		parts := strings.SplitN(r.Name, "/", 3)
		value, there := have.Settings[r.Name]
		if !ours || !there || parts[0] != rateLimits {
			continue
		}
		var l limit
		_ = json.Unmarshal([]byte(value), &l) // a list, of somebody else's making, shows no numbers
		out := v1alpha1.AppliedRateLimit{Key: parts[1], Role: r.Role, CallsPerMinute: l.Calls, TokensPerMinute: l.Tokens}
		if len(parts) == 3 {
			out.Principal = parts[2]
		}
		m.Status.RateLimits = append(m.Status.RateLimits, out)
	}
}

// sorted is the record in order, each setting once, with its Role where one is known.
func sorted(list []v1alpha1.AppliedSetting) []v1alpha1.AppliedSetting {
	slices.SortStableFunc(list, func(a, b v1alpha1.AppliedSetting) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(list, func(a, b v1alpha1.AppliedSetting) bool { return a.Name == b.Name })
}
