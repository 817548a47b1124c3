// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// adapter is the MCPServer's part of the loop.
type adapter struct {
	reader client.Reader // the cache
	live   client.Reader // past the cache: what was just written must be seen
	writer client.Client
	pods   pods
	probe  prober
	// lookups are what Databricks says of objects that tools name.
	lookups *lookups
	// audits compare the matrix with Databricks.
	audits *audits
	// namespace is the operator's.
	namespace string
	now       func() time.Time
	// rewrites are when the Secret of a server, by its UID, was last written for a pod that does not start.
	rewrites *sync.Map
}

// input is what one pass decides from.
type input struct {
	server   *v1alpha1.MCPServer
	deleting bool
	// refused says why the server may not run here.
	refused  error
	document access.Document
	// left says what of the declaration is not served.
	left []access.Refusal
	// enforcement is what Databricks says of the matrix; nil before anything was found.
	enforcement *v1alpha1.EnforcementStatus
	resync      time.Duration
	// sealing are the keys of conversations, or unsealed says why there are none.
	sealing  sealing
	unsealed error
}

// kind is what the loop knows of MCPServers.
func (a adapter) kind() external.Kind[*v1alpha1.MCPServer, input, state] {
	return external.Kind[*v1alpha1.MCPServer, input, state]{Name: "MCPServer", Adapter: a, Resync: a.resync, Conditions: a.conditions}
}

func (a adapter) Gather(ctx context.Context, s *v1alpha1.MCPServer) (input, error) {
	in := input{server: s.DeepCopy(), deleting: !s.DeletionTimestamp.IsZero()}
	if in.deleting {
		return in, nil
	}
	e, err := estate.Load(ctx, a.reader)
	if err != nil {
		return in, err
	}
	if in.refused = hosting(e, s); in.refused != nil {
		return in, nil //nolint:nilerr // Desired says it
	}
	var ws v1alpha1.Workspace
	err = a.reader.Get(ctx, types.NamespacedName{Name: s.Spec.WorkspaceRef.Name}, &ws)
	if apierrors.IsNotFound(err) {
		return in, fault.Waiting(v1alpha1.ReasonWorkspaceNotFound, fmt.Errorf("the Workspace %s does not exist; pods keep the access document they have", s.Spec.WorkspaceRef.Name))
	}
	if err != nil {
		return in, fmt.Errorf("read the Workspace %s: %w", s.Spec.WorkspaceRef.Name, err)
	}
	// Nothing that fails here may hold up a revocation.
	in.sealing, in.unsealed = a.sealingKeys(ctx, s)
	in.document, in.left, err = e.Compile(s, &ws, a.lookups.of(ctx, s, served(e, s)))
	if err != nil {
		return in, err
	}
	if in.resync = time.Duration(ws.Spec.ResyncIntervalSeconds) * time.Second; in.resync <= 0 {
		in.resync = external.DefaultResync
	}
	in.enforcement = a.audits.of(ctx, s, e.Audit(s, in.document), evidence(e, in.document), in.resync)
	return in, nil
}

// resync is the workspace's, and sooner while the comparison with Databricks finds
// something that is not as declared.
func (adapter) resync(in input) time.Duration {
	if in.enforcement != nil && !clean(in.enforcement) {
		return min(in.resync, auditRetry)
	}
	return in.resync
}

// served are the tools that a server names.
func served(e access.Estate, s *v1alpha1.MCPServer) []v1alpha1.ToolSpec {
	var out []v1alpha1.ToolSpec
	for _, t := range e.Tools {
		if t.Namespace == s.Namespace && slices.ContainsFunc(s.Spec.ToolRefs, func(r v1alpha1.LocalReference) bool { return r.Name == t.Name }) {
			out = append(out, t.Spec)
		}
	}
	return out
}

// hosting says whether the Boundary lets this server run in its namespace.
func hosting(e access.Estate, s *v1alpha1.MCPServer) error {
	limits, denial := e.Limits(s.Namespace)
	var problem string
	switch {
	case denial != nil:
		return fault.Denied(denial.Reason, errors.New(denial.Message))
	case !limits.Hosting():
		problem = "does not allow MCPServers to run in this namespace: `hosting` must be Allowed"
	case !limits.Workspace(s.Spec.WorkspaceRef.Name):
		problem = "does not allow the Workspace " + s.Spec.WorkspaceRef.Name
	case !limits.WarehouseAllowed(string(s.Spec.WarehouseID)):
		problem = "does not allow the warehouse " + string(s.Spec.WarehouseID)
	default:
		return nil
	}
	return fault.Denied(v1alpha1.ReasonOutsideBoundary, fmt.Errorf("the Boundary %s %s", limits.Name, problem))
}

// conditions say whether the Boundary lets the server run.
func (adapter) conditions(in input) []metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionWithinBoundary, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed, Message: "The Boundary lets the server run here"}
	if f := fault.Of(in.refused); f != nil {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, f.Reason, f.Error()
	}
	out := []metav1.Condition{c, sharing(in.document)}
	if in.enforcement != nil { // what an earlier operator found stays until then
		out = append(out, enforced(in.enforcement))
	}
	return out
}

// sharing says whether every pod has a useful share of the rate limits.
func sharing(d access.Document) metav1.Condition {
	c := metav1.Condition{
		Type: v1alpha1.ConditionRateLimitsShared, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed,
		Message: "Every pod may let through a call in a minute or more of each limit",
	}
	if thin := d.Thin(); len(thin) > 0 {
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonShareBelowOne
		c.Message = "A pod's share is below one call in a minute of: " + strings.Join(thin, "; ") + ". Name a `rateLimitStore`, in which pods count together, or run fewer pods"
	}
	return c
}

// Desired is pure.
func (a adapter) Desired(in input) (state, error) {
	if in.refused != nil {
		return state{}, in.refused
	}
	objects, err := a.pods.objects(in.server, in.document, in.sealing)
	if err != nil {
		return state{}, err
	}
	missing := unfinished(in.left)
	if missing == nil && in.unsealed != nil {
		missing = fault.Transient(v1alpha1.ReasonCredentialNotFound, in.unsealed)
	}
	return state{Document: in.document, Objects: objects, Replicas: replicas(in.server), Unfinished: missing}, nil
}

// unfinished turns what is left out into a fault, but for what is a Role's own
// affair: its conditions say it, and the server as such is complete.
func unfinished(left []access.Refusal) error {
	var lines []string
	reason := ""
	for _, r := range left {
		if r.Role != "" && r.Reason != v1alpha1.ReasonConflict {
			continue
		}
		if reason == "" {
			reason = r.Reason
		}
		lines = append(lines, r.Message)
	}
	err := errors.New(strings.Join(lines, "; "))
	switch reason {
	case "":
		return nil
	case v1alpha1.ReasonToolNotFound, v1alpha1.ReasonPolicyNotFound, v1alpha1.ReasonFunctionNotFound, v1alpha1.ReasonConnectionUnknown:
		return fault.Waiting(reason, err)
	}
	return fault.Conflict(reason, err)
}

// Observe reads the objects past the cache, and asks the pods once the ConfigMap
// holds the document.
func (a adapter) Observe(ctx context.Context, in input) (state, error) {
	out := state{Document: in.document, Replicas: replicas(in.server), Enforcement: in.enforcement}
	wanted, err := a.pods.objects(in.server, in.document, in.sealing)
	if err != nil {
		return out, err
	}
	if replicas(in.server) <= 1 {
		wanted = append(wanted, object{Kind: kindBudget, Name: in.server.Name, Value: budget(in.server)})
	}
	if in.deleting {
		wanted = slices.DeleteFunc(wanted, func(o object) bool { return o.Kind != kindReviewer })
	}
	current := false
	for _, w := range wanted {
		if w.Kind == kindSecret {
			continue // it cannot be read
		}
		live, err := a.empty(w.Value)
		if err != nil {
			return out, err
		}
		err = a.live.Get(ctx, client.ObjectKeyFromObject(w.Value), live)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return out, fmt.Errorf("read the %s %s: %w", w.Kind, w.Name, err)
		}
		out.Objects = append(out.Objects, object{Kind: w.Kind, Name: w.Name, Value: live, Foreign: !owned(live, in.server)})
		current = current || w.Kind == kindConfigMap && matches(w.Value, live)
	}
	if in.deleting {
		return out, nil
	}
	if out.Pods, err = a.observePods(ctx, in, current); err != nil || in.sealing.keys == nil {
		return out, err
	}
	if o := observedKeys(in.server, in.sealing); o != nil {
		out.Objects = append(out.Objects, *o)
	}
	return out, nil
}

// empty is a new object of the same kind: decoding into a copy would leave in it what the live one lacks.
func (a adapter) empty(o client.Object) (client.Object, error) {
	gvk, err := a.writer.GroupVersionKindFor(o)
	if err != nil {
		return nil, fmt.Errorf("name the kind of %s: %w", o.GetName(), err)
	}
	made, err := a.writer.Scheme().New(gvk)
	if err != nil {
		return nil, fmt.Errorf("make a %s: %w", gvk.Kind, err)
	}
	out, ok := made.(client.Object)
	if !ok {
		return nil, fmt.Errorf("a %s is no object", gvk.Kind)
	}
	return out, nil
}

// owned says whether an object is this server's.
func owned(o client.Object, s *v1alpha1.MCPServer) bool {
	return metav1.IsControlledBy(o, s) || o.GetNamespace() == "" && o.GetAnnotations()[annotationOwner] == string(s.UID)
}

// Plan is pure.
func (adapter) Plan(want, have state) (external.Plan[state], error) { return planned(want, have) }

// Report fills in the status; the matrix is that of the document which the ConfigMap holds.
func (adapter) Report(s *v1alpha1.MCPServer, have state) {
	d := have.Document
	if c := have.object(kindConfigMap); c != nil && !c.Foreign && d.Hash != "" {
		s.Status.Access = v1alpha1.AccessStatus{Hash: d.Hash}
		for _, role := range slices.Sorted(maps.Keys(d.Matrix)) {
			s.Status.Access.Matrix = append(s.Status.Access.Matrix, v1alpha1.AccessRow{Role: role, Tools: d.Matrix[role]})
		}
	}
	if have.Enforcement != nil {
		s.Status.Enforcement = have.Enforcement
	}
	if o := have.object(kindSecret); o != nil {
		if secret, ok := o.Value.(*corev1.Secret); ok && len(secret.Data) > 0 {
			s.Status.SealingKeys = v1alpha1.SealingKeysStatus{IDs: slices.Sorted(maps.Keys(secret.Data)), Fingerprint: fingerprint(secret.Data)}
		}
	}
	s.Status.Replicas, s.Status.CurrentReplicas, s.Status.Pods = have.Replicas, 0, nil
	for _, p := range have.Pods {
		if p.current(d) {
			s.Status.CurrentReplicas++
		}
		s.Status.Pods = append(s.Status.Pods, p.report())
	}
}
