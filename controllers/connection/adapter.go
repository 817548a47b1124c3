// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/sealroot"
)

// Databricks is what a Connection needs of it.
type Databricks interface {
	Connection(ctx context.Context, name string) (*admin.Connection, error)
	CreateConnection(ctx context.Context, w admin.ConnectionWrite) (*admin.Connection, error)
	UpdateConnection(ctx context.Context, w admin.ConnectionWrite) (*admin.Connection, error)
	DeleteConnection(ctx context.Context, name string) error
	MCPService(ctx context.Context, name string) (*admin.MCPService, error)
	CreateMCPService(ctx context.Context, s admin.MCPService) error
	UpdateMCPService(ctx context.Context, s admin.MCPService) error
	DeleteMCPService(ctx context.Context, name, etag string) error
}

// connector signs in to a workspace.
type connector interface {
	Named(ctx context.Context, name string) (*v1alpha1.Workspace, Databricks, error)
}

// adapter is the Connection's part of the loop.
type adapter struct {
	Options
	reader   client.Reader // the cache
	live     client.Reader // past the cache: Secrets
	connect  connector
	root     sealroot.Store
	versions *versions
}

var (
	_ external.Adapter[*v1alpha1.Connection, input, state] = adapter{}
	_ external.Intender[*v1alpha1.Connection, state]       = adapter{}
	_ external.Bounded[input]                              = adapter{}
	_ external.Scheduled[input]                            = adapter{}
	_ external.Managed[*v1alpha1.Connection]               = adapter{}
	_ external.Blamer[state]                               = adapter{}
	_ Databricks                                           = (*admin.Client)(nil)
)

// Resync is the workspace's.
func (adapter) Resync(in input) time.Duration { return in.resync }

// Desired is pure.
func (adapter) Desired(in input) (state, error) {
	if in.refused != nil {
		return state{}, in.refused
	}
	if in.outside != nil {
		if in.client == nil {
			return state{}, in.outside
		}
		return state{Outside: in.outside, Keep: in.keep, Orphan: in.spec.DeletionPolicy == v1alpha1.DeletionOrphan}, nil
	}
	out := state{
		Adopt: in.spec.Adoption == v1alpha1.AdoptionAdopt, Unread: in.unread,
		Connection: &link{
			Name: string(in.spec.ConnectionName), Type: admin.HTTPConnection, Comment: marked(in.spec.Comment, in.mark), Options: options(in.spec),
			CredentialType: "BEARER_TOKEN", Credential: v1alpha1.ConnectionCredential{Fingerprint: in.fingerprint}, Marked: true, Recorded: true,
		},
	}
	if in.spec.OAuthM2M != nil {
		out.Connection.CredentialType = "OAUTH_M2M"
	}
	if m := in.spec.MCPService; m != nil {
		out.Services = []service{{Marked: true, MCPService: admin.MCPService{
			Name: string(m.Name), Comment: in.mark, Connection: string(in.spec.ConnectionName), Tools: selectors(m.Tools),
		}}}
	}
	return out, nil
}

// options are those that are no secrets.
func options(s v1alpha1.ConnectionSpec) map[string]string {
	out := map[string]string{
		admin.OptionHost: string(s.Host), admin.OptionPort: strconv.Itoa(int(s.Port)), admin.OptionBasePath: string(s.BasePath),
	}
	if s.Protocol == v1alpha1.ProtocolMCP {
		out[admin.OptionMCP] = "true"
	}
	if o := s.OAuthM2M; o != nil {
		out[admin.OptionClientID], out[admin.OptionScope], out[admin.OptionTokenEndpoint] = o.ClientID, o.Scope, string(o.TokenEndpoint)
	}
	return out
}

// Observe reads the connection, and the MCP services that are recorded or wanted.
func (adapter) Observe(ctx context.Context, in input) (state, error) {
	var out state
	if in.client == nil {
		return out, nil
	}
	found, err := in.client.Connection(ctx, string(in.spec.ConnectionName))
	if err != nil {
		return out, err
	}
	out.Holder = in.holder(found)
	if found != nil {
		out.Connection = in.seen(found)
	}
	names := slices.Clone(in.services)
	if m := in.spec.MCPService; m != nil {
		names = append(names, string(m.Name))
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		s, err := in.client.MCPService(ctx, n)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if err != nil {
			// The connection goes on without its service, and the plan says at its end what could not be seen.
			out.Unseen, out.Unavailable = err, fault.Of(err).Reason == wire.ReasonMCPServicesUnavailable
			break
		}
		if s != nil {
			slices.Sort(s.Tools)
			said := markIn(s.Comment)
			out.Services = append(out.Services, service{MCPService: *s, Marked: said == in.mark, Holder: in.marking(said)})
		}
	}
	in.pass.looked, in.pass.seen = true, out
	return out, nil
}

// seen is a connection as Databricks has it, with what is known of its credential.
func (in input) seen(c *admin.Connection) *link {
	out := &link{
		Name: string(in.spec.ConnectionName), ID: c.ID, Comment: c.Comment, Type: c.Type, CredentialType: c.CredentialType, URL: c.URL, Options: c.Options,
		UpdatedAt: c.UpdatedAt, UpdatedBy: c.UpdatedBy, Marked: markIn(c.Comment) == in.mark, Recorded: c.ID == in.id || c.ID == in.pass.written,
	}
	switch c.ID {
	case in.pass.written:
		out.Credential = in.pass.credential
	case in.id:
		out.Credential = in.credential
	}
	known := out.Credential
	out.Foreign = known.WrittenBy != "" && c.UpdatedBy != "" && known.WrittenBy != c.UpdatedBy && known.WrittenAt != c.UpdatedAt
	if out.Foreign {
		out.Credential.Fingerprint = "" // whoever changed it may have changed the credential
	}
	return out
}

// Plan is pure.
func (adapter) Plan(want, have state) (external.Plan[state], error) { return planned(want, have) }

// Apply writes one step.
func (adapter) Apply(ctx context.Context, in input, have state, s external.Step[state]) (state, error) {
	if len(s.Want.Services) > 0 {
		after, err := in.applyService(ctx, have, s)
		in.pass.failed = err
		return after, err
	}
	if s.Verb == external.Delete {
		if err := in.client.DeleteConnection(ctx, s.Want.Connection.Name); err != nil {
			return have, err
		}
		have.Connection = nil
		return have, nil
	}
	w := admin.ConnectionWrite{Name: s.Want.Connection.Name, Comment: s.Want.Connection.Comment, Options: s.Want.Connection.Options}
	w.Secrets = map[string]wire.Secret{admin.OptionBearerToken: in.secret}
	if in.spec.OAuthM2M != nil {
		w.Secrets = map[string]wire.Secret{admin.OptionClientSecret: in.secret}
	}
	write := in.client.UpdateConnection
	if s.Verb == external.Create {
		write = in.client.CreateConnection
	} else {
		doubted := *have.Connection
		doubted.Credential = v1alpha1.ConnectionCredential{} // until the answer is there, nobody knows which one it holds
		have.Connection = &doubted
	}
	c, err := write(ctx, w)
	if admin.IsAlreadyExists(err) {
		return in.taken(ctx, have, w.Name, err)
	}
	if err != nil {
		return have, err
	}
	in.pass.written = c.ID
	in.pass.credential = v1alpha1.ConnectionCredential{Fingerprint: in.fingerprint, WrittenAt: c.UpdatedAt, WrittenBy: c.UpdatedBy}
	have.Connection = in.seen(c)
	return have, nil
}

// taken looks at what has a name that seemed free. With our mark it is ours, from a call
// whose answer was lost; its credential is not known and is written by the next step.
func (in input) taken(ctx context.Context, have state, name string, exists error) (state, error) {
	found, err := in.client.Connection(ctx, name)
	switch {
	case err != nil:
		return have, err
	case found == nil:
		return have, fmt.Errorf("%w: the operator may not see it; let whoever owns it give the operator MANAGE on it, or declare another `connectionName`", exists)
	case markIn(found.Comment) != in.mark:
		return have, exists
	}
	have.Connection = in.seen(found)
	return have, nil
}

func (in input) applyService(ctx context.Context, have state, s external.Step[state]) (state, error) {
	w := s.Want.Services[0]
	var err error
	switch s.Verb {
	case external.Delete:
		err = in.client.DeleteMCPService(ctx, w.Name, w.ETag)
	case external.Create:
		err = in.client.CreateMCPService(ctx, w.MCPService)
		if admin.IsAlreadyExists(err) {
			if found, looked := in.client.MCPService(ctx, w.Name); looked == nil && found != nil && markIn(found.Comment) == in.mark {
				err = nil // from a call whose answer was lost
			}
		}
	default:
		err = in.client.UpdateMCPService(ctx, w.MCPService)
	}
	if err != nil {
		return have, err
	}
	have = have.without(w.Name)
	if s.Verb != external.Delete {
		w.ETag = ""
		have.Services = append(have.Services, w)
	}
	return have, nil
}

// ChangedBy is the last change of the connection. One that is gone tells nothing, and of
// an MCP service Databricks is not asked when it was changed.
func (adapter) ChangedBy(have state, s external.Step[state]) (who string, at time.Time) {
	if c := have.Connection; c != nil && s.Want.Connection != nil && c.UpdatedAt > 0 {
		return c.UpdatedBy, time.UnixMilli(c.UpdatedAt)
	}
	return "", time.Time{}
}

// Intend records what is about to be made or taken over, and forgets the fingerprint of a
// credential that is about to be replaced: until the answer is there, either may be the one.
func (a adapter) Intend(c *v1alpha1.Connection, have state, s external.Step[state]) {
	switch {
	case s.Verb == external.Delete:
	case len(s.Want.Services) > 0:
		c.Status.MCPServices = sorted(append(slices.Clone(c.Status.MCPServices), s.Want.Services[0].Name))
	case s.Verb == external.Create:
		c.Status.Intent = mark(a.Installation, c.Namespace, c.Name)
	default:
		c.Status.Credential = v1alpha1.ConnectionCredential{}
		own(c, have.Connection)
	}
}

// own records a connection as that of the resource.
func own(c *v1alpha1.Connection, l *link) {
	c.Status.ConnectionID, c.Status.Adopted = l.ID, "True"
	if l.Marked {
		c.Status.Adopted = "False"
	}
}

// Report fills in the status from what was observed. The record of a connection that
// cannot be seen stays: it may be there again.
func (adapter) Report(c *v1alpha1.Connection, have state) {
	c.Status.URL, c.Status.UpdatedBy = "", ""
	if l := have.Connection; l.ours() && have.Holder == "" {
		own(c, l)
		c.Status.URL, c.Status.UpdatedBy, c.Status.Credential = short(l.URL, 1024), short(l.UpdatedBy, 255), l.Credential
	}
	if have.Unseen == nil {
		var names []string
		for _, s := range have.Services {
			if s.Marked {
				names = append(names, s.Name)
			}
		}
		// What is still wanted stays: the answer to making it may have been lost.
		if m := c.Spec.MCPService; m != nil && slices.Contains(c.Status.MCPServices, string(m.Name)) {
			names = append(names, string(m.Name))
		}
		c.Status.MCPServices = sorted(names)
	}
	if c.Spec.MCPService == nil {
		meta.RemoveStatusCondition(&c.Status.Conditions, v1alpha1.ConditionMCPServiceReady)
	}
}

func short(s string, most int) string { return s[:min(len(s), most)] }

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// Conditions say whether the Boundary allows what is asked for, and how the MCP service is.
func (a adapter) Conditions(in input) []metav1.Condition {
	within := metav1.Condition{Type: v1alpha1.ConditionWithinBoundary, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed, Message: "The Boundary allows what is asked for"}
	if in.outside != nil {
		within.Status, within.Reason, within.Message = metav1.ConditionFalse, in.outside.Reason, in.outside.Error()
	}
	if in.refused != nil {
		return nil
	}
	out := []metav1.Condition{within}
	if in.spec.MCPService == nil {
		return out
	}
	served := metav1.Condition{Type: v1alpha1.ConditionMCPServiceReady, Status: metav1.ConditionFalse}
	want, err := a.Desired(in)
	if err == nil {
		err = want.Outside
	}
	seen := in.pass.seen
	if err == nil && in.pass.looked {
		var steps plan
		if steps, err = serviceSteps(want, seen); err == nil && len(steps) > 0 {
			err = in.pass.failed
		}
		if err == nil && (len(steps) > 0 || !seen.Connection.ours() || seen.Holder != "") {
			served.Reason, served.Message = v1alpha1.ReasonMCPServiceNotReady, "The MCP service is not in place yet: Ready says why"
			return append(out, served)
		}
	}
	switch {
	case err != nil:
		f := fault.Of(err)
		served.Reason, served.Message = f.Reason, f.Error()
	case !in.pass.looked:
		served.Status, served.Reason, served.Message = metav1.ConditionUnknown, v1alpha1.ReasonMCPServiceNotReady, "Databricks was not looked at: Ready says why"
	default:
		served.Status, served.Reason, served.Message = metav1.ConditionTrue, v1alpha1.ReasonReady, "The MCP service is as declared"
	}
	return append(out, served)
}
