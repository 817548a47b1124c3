// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package toolaccess says of each ToolAccess which cells of the matrix it opens and
// what of it is refused. It writes nothing: the matrix is compiled for each MCPServer.
package toolaccess

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/when"
)

// +kubebuilder:rbac:groups=gatehouse.dev,resources=toolaccesses,verbs=get;list;watch
// +kubebuilder:rbac:groups=gatehouse.dev,resources=toolaccesses/status,verbs=patch

// state is what a ToolAccess amounts to.
type state struct {
	Roles, Cells int32
	// Refused says which cells a Boundary does not allow.
	Refused []access.Refusal
	// Dangling says what the rules name that does not exist.
	Dangling error
	// Invalid says which conditions cannot be used.
	Invalid error
	// Ended are the rules whose time is over.
	Ended []v1alpha1.AccessRule
	// NextEnd is when the next rule ends; nil means that none does.
	NextEnd *metav1.Time
}

type adapter struct{ reader client.Reader }

// kind is what the loop knows of ToolAccesses.
func (a adapter) kind() external.Kind[*v1alpha1.ToolAccess, state, state] {
	return external.Kind[*v1alpha1.ToolAccess, state, state]{Name: "ToolAccess", Adapter: a, OwnsNothing: true, Conditions: a.conditions}
}

func (a adapter) Gather(ctx context.Context, t *v1alpha1.ToolAccess) (state, error) {
	e, err := estate.Load(ctx, a.reader)
	if err != nil {
		return state{}, err
	}
	return amount(e, t), nil
}

// amount counts what one ToolAccess opens, looked at on its own.
func amount(e access.Estate, t *v1alpha1.ToolAccess) state {
	e.Accesses = []v1alpha1.ToolAccess{*t}
	cells, refused := e.Cells()
	roles := map[string]bool{}
	for _, c := range cells {
		roles[c.Role] = true
	}
	out := state{Roles: int32(len(roles)), Cells: int32(len(cells)), Refused: refused, Dangling: dangling(e, t), Invalid: invalid(t)}
	for _, rule := range t.Spec.Rules {
		switch {
		case e.Ended(rule):
			out.Ended = append(out.Ended, rule)
		case rule.Until != nil && (out.NextEnd == nil || rule.Until.Before(out.NextEnd)):
			out.NextEnd = rule.Until
		}
	}
	return out
}

// invalid says which rules have a condition that cannot be used, where and why.
func invalid(t *v1alpha1.ToolAccess) error {
	var lines []string
	for _, rule := range t.Spec.Rules {
		if rule.When == "" {
			continue
		}
		if err := when.Check(rule.When); err != nil {
			lines = append(lines, fmt.Sprintf("the condition of the rule %s cannot be used, so that the rule gives nothing: %v", rule.Name, err))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fault.Invalid(v1alpha1.ReasonInvalidExpression, errors.New(strings.Join(lines, "; ")))
}

func dangling(e access.Estate, t *v1alpha1.ToolAccess) error {
	server := t.Namespace + "/" + t.Spec.ServerRef.Name
	at := slices.IndexFunc(e.Servers, func(s v1alpha1.MCPServer) bool { return access.Key(&s) == server })
	if at < 0 {
		return fault.Waiting(v1alpha1.ReasonServerNotFound, fmt.Errorf("the MCPServer %s does not exist", t.Spec.ServerRef.Name))
	}
	served := e.ToolNames(&e.Servers[at])
	for _, rule := range t.Spec.Rules {
		for _, tool := range rule.Tools {
			if !slices.Contains(served, tool) {
				return fault.Waiting(v1alpha1.ReasonToolNotFound, fmt.Errorf("the rule %s names the tool %s, which the MCPServer %s does not serve", rule.Name, tool, t.Spec.ServerRef.Name))
			}
		}
		for _, role := range rule.Roles {
			if !slices.ContainsFunc(e.Roles, func(r v1alpha1.Role) bool { return r.Namespace == t.Namespace && r.Name == role }) {
				return fault.Waiting(v1alpha1.ReasonRoleNotFound, fmt.Errorf("the rule %s names the Role %s, which does not exist", rule.Name, role))
			}
		}
	}
	return nil
}

// conditions say which cells a Boundary keeps closed.
func (adapter) conditions(in state) []metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionWithinBoundary, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed, Message: "The Boundaries allow every cell"}
	if len(in.Refused) > 0 {
		lines := make([]string, len(in.Refused))
		for i, r := range in.Refused {
			lines[i] = r.Role + ": " + r.Message
		}
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, in.Refused[0].Reason, strings.Join(lines, "; ")
	}
	return []metav1.Condition{c, inForce(in)}
}

// inForce says which rules have ended.
func inForce(in state) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionRulesInForce, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonInForce, Message: "Every rule is in force"}
	if len(in.Ended) > 0 {
		lines := make([]string, len(in.Ended))
		for i, r := range in.Ended {
			lines[i] = fmt.Sprintf("the rule %s ended at %s", r.Name, r.Until.UTC().Format(time.RFC3339))
		}
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonRulesEnded, strings.Join(lines, "; ")+". A later `until` brings a rule back"
	}
	return c
}

func (adapter) Desired(in state) (state, error)                    { return in, nil }
func (adapter) Observe(_ context.Context, in state) (state, error) { return in, nil }
func (adapter) Plan(want, _ state) (external.Plan[state], error) {
	return nil, cmp.Or(want.Invalid, want.Dangling)
}
func (adapter) Apply(_ context.Context, _, have state, _ external.Step[state]) (state, error) {
	return have, nil
}

func (adapter) Report(t *v1alpha1.ToolAccess, have state) {
	t.Status.Roles, t.Status.Cells, t.Status.NextEnd, t.Status.EndedRules = have.Roles, have.Cells, have.NextEnd, nil
	for _, r := range have.Ended {
		t.Status.EndedRules = append(t.Status.EndedRules, r.Name)
	}
	slices.Sort(t.Status.EndedRules)
}

// Setup adds the controller to a manager.
func Setup(mgr ctrl.Manager) error {
	loop := external.NewReconciler(
		external.Options{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("gatehouse-toolaccess")}, adapter{mgr.GetClient()}.kind())
	all := external.Every(mgr.GetClient(), &v1alpha1.ToolAccessList{})
	changed := builder.WithPredicates(external.GenerationChanged())
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ToolAccess{}, builder.WithPredicates(external.GenerationChangedOrAsked())).
		Watches(&v1alpha1.Role{}, all, builder.WithPredicates(predicate.Or(external.GenerationChanged(), predicate.LabelChangedPredicate{}))).
		Watches(&v1alpha1.Tool{}, all, changed).
		Watches(&v1alpha1.MCPServer{}, all, changed).
		Watches(&v1alpha1.Boundary{}, all).
		Watches(&corev1.Namespace{}, all, builder.WithPredicates(predicate.Or(predicate.LabelChangedPredicate{}, external.Replaced()))).
		WatchesRawSource(estate.Alarm(mgr.GetClient(), estate.Each)).
		Complete(reconcile.AsReconciler(mgr.GetClient(), loop))
}
