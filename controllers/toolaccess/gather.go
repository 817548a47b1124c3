// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package toolaccess

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

type adapter struct {
	external.Reporting[state]
	reader client.Reader
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
