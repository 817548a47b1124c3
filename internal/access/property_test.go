// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

var (
	someNamespaces = []string{"a", "b", "c"}
	someNames      = []string{"x", "y", "z"}
	someTools      = []string{"read", "write", "look"}
	someLabels     = []map[string]string{nil, {"t": "1"}, {"t": "2"}}
)

// TestCellsSayWhatTheReferenceSays holds Cells, for small random estates, against
// an evaluator that asks for one cell at a time and shares no code with it.
func TestCellsSayWhatTheReferenceSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEstate(t)
		cells, _ := e.Cells()
		if !slices.IsSortedFunc(cells, func(a, b Cell) int {
			return slices.Compare([]string{a.Server, a.Role, a.Tool}, []string{b.Server, b.Role, b.Tool})
		}) {
			t.Fatalf("not sorted: %v", cells)
		}
		want := 0
		for _, s := range e.Servers {
			for _, r := range e.Roles {
				for _, tool := range someTools {
					may := reference(e, r, tool, s)
					if got := slices.Contains(cells, Cell{Key(&s), Key(&r), tool}); got != may {
						t.Fatalf("%s calls %s on %s: got %v, the reference says %v", Key(&r), tool, Key(&s), got, may)
					}
					if may {
						want++
					}
				}
			}
		}
		if len(cells) != want {
			t.Fatalf("%d cells instead of %d: one stands for nothing, or twice", len(cells), want)
		}
	})
}

// reference answers: may the Role r call the tool on the server s?
func reference(e Estate, r v1alpha1.Role, tool string, s v1alpha1.MCPServer) bool {
	fits := func(want, have map[string]string) bool { return len(want) == 0 || want["t"] == have["t"] }
	if len(r.OwnerReferences) > 0 || r.DeletionTimestamp != nil || s.DeletionTimestamp != nil || r.Spec.WorkspaceRef != s.Spec.WorkspaceRef {
		return false
	}
	claimed := 0
	for _, t := range e.Tools {
		if t.Namespace == s.Namespace && t.Spec.ToolName == tool && t.DeletionTimestamp == nil && slices.Contains(s.Spec.ToolRefs, v1alpha1.LocalReference{Name: t.Name}) {
			claimed++
		}
	}
	var labels map[string]string
	known, boundaries, allowed := false, 0, false
	for _, n := range e.Namespaces {
		if n.Name == r.Namespace {
			known, labels = true, n.Labels
		}
	}
	for _, b := range e.Boundaries {
		if b.Spec.Namespaces[0].Name == r.Namespace && b.DeletionTimestamp == nil {
			boundaries++
			allowed = b.Spec.Namespaces[0].UID == r.Namespace && len(b.Spec.Scopes) == 1 && !slices.Contains(r.Spec.MemberOf, "bad") &&
				(b.Spec.Tools[0] == "*" || string(b.Spec.Tools[0]) == tool) && (b.Spec.Servers[0] == "*/*" || string(b.Spec.Servers[0]) == Key(&s))
		}
	}
	if claimed != 1 || !known || boundaries != 1 || !allowed {
		return false
	}
	for _, a := range e.Accesses {
		for _, rule := range a.Spec.Rules {
			if a.DeletionTimestamp != nil || a.Namespace != s.Namespace || a.Spec.ServerRef.Name != s.Name || !slices.Contains(rule.Tools, tool) {
				continue
			}
			if rule.Until != nil && rule.Until.Unix() <= e.Now.Unix() {
				continue
			}
			if a.Namespace == r.Namespace && slices.Contains(rule.Roles, r.Name) {
				return true
			}
			if sel := rule.Selector; sel != nil && len(sel.Namespaces.MatchLabels) > 0 && fits(sel.Namespaces.MatchLabels, labels) &&
				(sel.Roles == nil || fits(sel.Roles.MatchLabels, r.Labels)) {
				return true
			}
		}
	}
	return false
}

func drawEstate(t *rapid.T) Estate {
	pick := func(what string, from []string) string { return rapid.SampledFrom(from).Draw(t, what) }
	often := func(what string) bool { return rapid.IntRange(0, 9).Draw(t, what) > 0 }
	object := func() metav1.ObjectMeta {
		m := meta(pick("namespace", someNamespaces), pick("name", someNames))
		if !often("alive") {
			gone(&m)
		}
		return m
	}
	labels := func() map[string]string { return rapid.SampledFrom(someLabels).Draw(t, "labels") }
	several := func(what string, from []string) []string {
		return rapid.SliceOfDistinct(rapid.SampledFrom(from), rapid.ID[string]).Draw(t, what)
	}
	in := func() v1alpha1.LocalReference {
		if often("main") {
			return v1alpha1.LocalReference{Name: "main"}
		}
		return v1alpha1.LocalReference{Name: "other"}
	}
	count := func(what string, most int) int { return rapid.IntRange(0, most).Draw(t, what) }
	e := Estate{Now: noon, Types: TypesForTests}
	for _, n := range someNamespaces {
		if often("known") {
			e.Namespaces = append(e.Namespaces, Namespace{Name: n, UID: n, Labels: labels()})
		}
		for range 1 + count("boundaries", 9)/9 - count("none", 9)/9 {
			b := v1alpha1.Boundary{Spec: v1alpha1.BoundarySpec{
				Namespaces: []v1alpha1.BoundaryNamespace{{Name: n, UID: n}}, Tools: []v1alpha1.NamePattern{"*"}, Servers: []v1alpha1.NamePattern{"*/*"},
				Workspaces: []v1alpha1.NamePattern{"*"}, Warehouses: []v1alpha1.NamePattern{"*"}, Scopes: []v1alpha1.OAuthScope{"sql"},
				Groups: v1alpha1.BoundaryGroups{MemberOf: []v1alpha1.NamePattern{"good"}},
			}}
			if !often("same UID") {
				b.Spec.Namespaces[0].UID = "old"
			}
			if !often("the scope") { // that every tool needs
				b.Spec.Scopes = nil
			}
			if !often("all tools") {
				b.Spec.Tools[0] = v1alpha1.NamePattern(pick("tool", someTools))
			}
			if !often("all servers") {
				b.Spec.Servers[0] = v1alpha1.NamePattern(pick("server", someNamespaces) + "/x")
			}
			e.Boundaries = append(e.Boundaries, b)
		}
	}
	for range count("roles", 8) {
		r := v1alpha1.Role{ObjectMeta: object(), Spec: v1alpha1.RoleSpec{WorkspaceRef: in()}}
		r.Labels = labels()
		if !often("within the Boundary") {
			r.Spec.MemberOf = []v1alpha1.AccountGroupName{"good", "bad"}
		}
		if !often("a tenant's") {
			r.OwnerReferences = []metav1.OwnerReference{ownedBy("x")}
		}
		e.Roles = append(e.Roles, r)
	}
	for range count("tools", 8) {
		tool := sqlTool("", pick("toolName", someTools))
		tool.ObjectMeta = object()
		e.Tools = append(e.Tools, tool)
	}
	for range count("servers", 4) {
		s := v1alpha1.MCPServer{ObjectMeta: object(), Spec: v1alpha1.MCPServerSpec{WorkspaceRef: in(), ToolRefs: refs(several("toolRefs", someNames)...)}}
		e.Servers = append(e.Servers, s)
	}
	for range count("accesses", 6) {
		a := v1alpha1.ToolAccess{ObjectMeta: object(), Spec: v1alpha1.ToolAccessSpec{ServerRef: refs(pick("server", someNames))[0]}}
		for range count("rules", 3) {
			rule := v1alpha1.AccessRule{Tools: several("tools", someTools), Roles: several("roles", someNames)}
			if !often("for good") {
				rule.Until = after(time.Duration(count("until", 2)-1) * time.Second)
			}
			if count("selector", 1) == 1 {
				rule.Selector = &v1alpha1.RoleSelector{Namespaces: metav1.LabelSelector{MatchLabels: labels()}}
				if count("role selector", 1) == 1 {
					rule.Selector.Roles = &metav1.LabelSelector{MatchLabels: labels()}
				}
			}
			a.Spec.Rules = append(a.Spec.Rules, rule)
		}
		e.Accesses = append(e.Accesses, a)
	}
	e.Roles, e.Tools, e.Servers = distinct(e.Roles), distinct(e.Tools), distinct(e.Servers)
	return e
}

// distinct keeps the first of those with one name, as the cluster does.
func distinct[T any, P interface {
	*T
	metav1.Object
}](all []T,
) []T {
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(o T) bool {
		key := Key(P(&o))
		defer func() { seen[key] = true }()
		return seen[key]
	})
}
