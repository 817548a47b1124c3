// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/when"
)

// Estate is what the cluster declares, as far as access depends on it.
type Estate struct {
	// Now is what decides which rules have ended. Without it, every rule that ends has.
	Now time.Time

	Servers    []v1alpha1.MCPServer
	Tools      []v1alpha1.Tool
	Accesses   []v1alpha1.ToolAccess
	Roles      []v1alpha1.Role
	Policies   []v1alpha1.FederationPolicy
	Boundaries []v1alpha1.Boundary
	Namespaces []Namespace
	// Types are the types of tools that are known. A tool of another is not served; without
	// Types none is.
	Types ToolTypes
	// Memo is what was worked out before of the same tools, namespaces and Boundaries; nil is nothing.
	Memo *Memo
}

// Namespace is a namespace with the labels that the platform team gave it.
type Namespace struct {
	Name, UID string
	Labels    map[string]string
}

// Key names a namespaced resource, `<namespace>/<name>`.
func Key(o metav1.Object) string { return o.GetNamespace() + "/" + o.GetName() }

// Older says which of two that want the same was there first: the creation decides, and
// within a second the key.
func Older(a, b metav1.Object) bool {
	first, second := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	if !first.Equal(&second) {
		return first.Before(&second)
	}
	return Key(a) < Key(b)
}

// Cell is a cell of the matrix that says yes.
type Cell struct {
	// Server and Role are `<namespace>/<name>`.
	Server, Role string
	// Tool is the name that clients call.
	Tool string
}

// Refusal is something declared that does not take effect, with the reason.
type Refusal struct {
	// Role is `<namespace>/<name>`.
	Role   string
	Reason string
	// Message says what is wrong in a sentence.
	Message string
}

// Cells returns the cells that say yes, sorted, and what was declared but is not
// allowed. What no rule says is not a cell, and a rule that has ended says nothing.
func (e Estate) Cells() ([]Cell, []Refusal) {
	ways, refusals := e.ways()
	return slices.SortedFunc(maps.Keys(ways), CompareCells), refusals
}

// CompareCells orders cells by server, role and tool.
func CompareCells(a, b Cell) int {
	return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Tool, b.Tool))
}

// ways are the cells that say yes, each with the rules that say so, in no order.
func (e Estate) ways() (map[Cell][]way, []Refusal) {
	out := map[Cell][]way{}
	var refusals []Refusal
	for i := range e.Accesses {
		a := &e.Accesses[i]
		server := e.server(a.Namespace, a.Spec.ServerRef.Name)
		if server == nil || !a.DeletionTimestamp.IsZero() || !server.DeletionTimestamp.IsZero() {
			continue
		}
		served := e.toolsOf(server)
		for _, rule := range a.Spec.Rules {
			if e.Ended(rule) || rule.When != "" && when.Check(rule.When) != nil {
				continue // of a condition that cannot be used, the ToolAccess tells
			}
			given := wayOf(a, rule)
			for _, role := range e.Selected(a.Namespace, rule) {
				for _, tool := range rule.Tools {
					if served[tool].Tool == nil {
						continue
					}
					if r := e.refuse(role, server, served[tool]); r != nil {
						refusals = append(refusals, *r)
						continue
					}
					c := Cell{Key(server), Key(role), tool}
					out[c] = append(out[c], given)
				}
			}
		}
	}
	return out, unique(refusals)
}

// Selected returns the Roles that a rule of a ToolAccess in a namespace means:
// those of its namespace by name, and those of other namespaces by the labels of
// the namespace together with their own. A Role's labels alone select nothing,
// because tenants write them. A server's own Role is never meant.
func (e Estate) Selected(namespace string, rule v1alpha1.AccessRule) []*v1alpha1.Role {
	var out []*v1alpha1.Role
	for i := range e.Roles {
		r := &e.Roles[i]
		if !r.DeletionTimestamp.IsZero() || ofServer(r) {
			continue
		}
		if e.Selects(namespace, rule, r) {
			out = append(out, r)
		}
	}
	return out
}

// Selects says whether a rule of a ToolAccess in a namespace means a Role, by its name or
// by the labels of its namespace and its own.
func (e Estate) Selects(namespace string, rule v1alpha1.AccessRule, r *v1alpha1.Role) bool {
	return r.Namespace == namespace && slices.Contains(rule.Roles, r.Name) || e.selects(rule.Selector, r)
}

func (e Estate) selects(s *v1alpha1.RoleSelector, r *v1alpha1.Role) bool {
	if s == nil || !e.namespaceMatches(&s.Namespaces, r.Namespace) {
		return false
	}
	if s.Roles == nil {
		return true
	}
	selector, err := metav1.LabelSelectorAsSelector(s.Roles)
	return err == nil && selector.Matches(labels.Set(r.Labels))
}

// namespaceMatches holds a namespace's labels against a selector. An empty or a
// broken selector matches nothing.
func (e Estate) namespaceMatches(s *metav1.LabelSelector, name string) bool {
	if s == nil || len(s.MatchLabels)+len(s.MatchExpressions) == 0 {
		return false
	}
	return remembered(e.Memo, matchKey{s, name}, func() bool {
		selector, err := metav1.LabelSelectorAsSelector(s)
		ns := e.namespace(name)
		return err == nil && ns != nil && selector.Matches(labels.Set(ns.Labels))
	})
}

// refuse says why a role may not have a cell: its namespace's Boundary must allow the
// server, the tool, all that the role asks for by itself and all that the tool needs,
// and both must live in one workspace. So a Boundary that shrinks takes cells away, and
// with them what was granted for them.
func (e Estate) refuse(role *v1alpha1.Role, server *v1alpha1.MCPServer, t servedTool) *Refusal {
	tool := t.Spec.ToolName
	if role.Spec.WorkspaceRef.Name != server.Spec.WorkspaceRef.Name {
		return &Refusal{Key(role), v1alpha1.ReasonInvalid, fmt.Sprintf("the server %s runs in the Workspace %s and the role in %s",
			Key(server), server.Spec.WorkspaceRef.Name, role.Spec.WorkspaceRef.Name)}
	}
	limits, denial := e.Limits(role.Namespace)
	switch {
	case denial != nil:
		return &Refusal{Key(role), denial.Reason, denial.Message}
	case !limits.Server(Key(server)):
		return &Refusal{Key(role), v1alpha1.ReasonOutsideBoundary, fmt.Sprintf("the Boundary %s does not allow the server %s", limits.Name, Key(server))}
	case !limits.Tool(tool):
		return &Refusal{Key(role), v1alpha1.ReasonOutsideBoundary, fmt.Sprintf("the Boundary %s does not allow the tool %s", limits.Name, tool)}
	}
	if problems := limits.Check(asked(role)); len(problems) > 0 {
		return &Refusal{Key(role), v1alpha1.ReasonOutsideBoundary, fmt.Sprintf("the Role %s %s", role.Name, strings.Join(problems, "; and "))}
	}
	key := toolKey{role.Namespace, role.Spec.WorkspaceRef.Name, Key(server), string(server.Spec.WarehouseID), Key(t.Tool)}
	if problems := remembered(e.Memo, key, func() []string { return limits.Check(e.toolRequest(role, server, t)) }); len(problems) > 0 {
		return &Refusal{Key(role), v1alpha1.ReasonOutsideBoundary, fmt.Sprintf("the tool %s %s", tool, strings.Join(problems, "; and "))}
	}
	return nil
}

// asked is what a role asks for by itself.
func asked(role *v1alpha1.Role) boundary.Request {
	out := boundary.Request{Workspace: role.Spec.WorkspaceRef.Name}
	for _, g := range role.Spec.MemberOf {
		out.MemberOf = append(out.MemberOf, string(g))
	}
	for _, g := range role.Spec.Grants {
		for _, p := range g.Privileges {
			out.Grants = append(out.Grants, boundary.Grant{Type: string(g.Type), Name: string(g.Name), Privilege: string(p)})
		}
	}
	return out
}

// toolRequest is what a role must be given to call a tool of a server.
func (e Estate) toolRequest(role *v1alpha1.Role, server *v1alpha1.MCPServer, t servedTool) boundary.Request {
	n := e.toolNeeds(t, string(server.Spec.WarehouseID))
	return boundary.Request{Workspace: role.Spec.WorkspaceRef.Name, Grants: n.Grants, Scopes: n.Scopes}
}

// Limits returns what a namespace may ask for, or why it may ask for nothing.
func (e Estate) Limits(namespace string) (*boundary.Limits, *boundary.Denial) {
	found := remembered(e.Memo, limitsKey{namespace}, func() (out limitsOf) {
		uid := ""
		if ns := e.namespace(namespace); ns != nil {
			uid = ns.UID
		}
		out.limits, out.denial = boundary.Find(boundary.Namespace{Name: namespace, UID: uid}, e.Boundaries)
		return out
	})
	return found.limits, found.denial
}

func (e Estate) namespace(name string) *Namespace {
	for i := range e.Namespaces {
		if e.Namespaces[i].Name == name {
			return &e.Namespaces[i]
		}
	}
	return nil
}

func (e Estate) server(namespace, name string) *v1alpha1.MCPServer {
	for i := range e.Servers {
		if e.Servers[i].Namespace == namespace && e.Servers[i].Name == name {
			return &e.Servers[i]
		}
	}
	return nil
}

// toolsOf returns the Tools that a server serves, by the name that clients call.
// A name that two of them claim is served by neither.
func (e Estate) toolsOf(server *v1alpha1.MCPServer) map[string]servedTool {
	out, clash := map[string]servedTool{}, map[string]bool{}
	for _, ref := range server.Spec.ToolRefs {
		for i := range e.Tools {
			t := &e.Tools[i]
			if t.Namespace != server.Namespace || t.Name != ref.Name || !t.DeletionTimestamp.IsZero() {
				continue
			}
			kind, err := e.typed(t)
			if err != nil {
				continue // Compile and the Tool itself report it
			}
			if out[t.Spec.ToolName].Tool != nil {
				clash[t.Spec.ToolName] = true
			}
			out[t.Spec.ToolName] = servedTool{t, kind}
		}
	}
	for name := range clash {
		delete(out, name)
	}
	return out
}

func unique(list []Refusal) []Refusal {
	slices.SortFunc(list, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(list)
}

// ToolNames are the tools that a server serves, sorted.
func (e Estate) ToolNames(server *v1alpha1.MCPServer) []string {
	return slices.Sorted(maps.Keys(e.toolsOf(server)))
}
