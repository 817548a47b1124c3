// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Compile makes the access document of a server, sealed, and says what of the
// declaration it leaves out. What is left out is denied.
func (e Estate) Compile(server *v1alpha1.MCPServer, workspace *v1alpha1.Workspace, found Lookups) (Document, []Refusal, error) {
	ways, refusals := e.ways()
	cells := slices.SortedFunc(maps.Keys(ways), CompareCells)
	d := Document{
		Version: DocumentVersion, Server: Key(server), Pattern: string(server.Spec.Pattern), Resource: string(server.Spec.Resource),
		Workspace: Workspace{
			Name: workspace.Name, Host: string(workspace.Spec.Host), CABundle: string(workspace.Spec.CABundle),
			WarehouseID: string(server.Spec.WarehouseID),
		},
		Issuers: []Issuer{}, Roles: map[string]Role{}, Matrix: map[string][]string{}, Tools: []Tool{},
		Limits: e.compileLimits(server, workspace),
	}
	for _, s := range slices.Sorted(slices.Values(server.Spec.DeniedSubjects)) {
		issuer, subject, _ := strings.Cut(s, " ")
		d.DeniedSubjects = append(d.DeniedSubjects, Subject{issuer, subject})
	}
	served, compiled := e.toolsOf(server), map[string]bool{}
	for _, ref := range server.Spec.ToolRefs {
		t := e.toolByRef(server.Namespace, ref.Name)
		if t == nil {
			refusals = append(refusals, Refusal{"", v1alpha1.ReasonToolNotFound, fmt.Sprintf("the Tool %s does not exist", ref.Name)})
			continue
		}
		switch _, err := e.typed(t); {
		case err != nil:
			refusals = append(refusals, Refusal{"", v1alpha1.ReasonInvalidSchema, fmt.Sprintf("the Tool %s cannot be served: %v", ref.Name, err)})
		case served[t.Spec.ToolName].Tool != t:
			refusals = append(refusals, Refusal{"", v1alpha1.ReasonConflict, fmt.Sprintf("several Tools of this server have the toolName %s; none of them is served", t.Spec.ToolName)})
		default:
			tool, refusal := e.compileTool(served[t.Spec.ToolName], string(server.Spec.WarehouseID), found)
			if refusal != nil {
				refusals = append(refusals, *refusal)
				continue
			}
			tool.Limits = e.compileToolLimits(server, t)
			d.Tools = append(d.Tools, tool)
			compiled[tool.Name] = true
		}
	}
	slices.SortFunc(d.Tools, func(a, b Tool) int { return strings.Compare(a.Name, b.Name) })
	refusals = append(refusals, e.compileIssuers(server, &d)...)
	for _, c := range cells {
		if _, ready := d.Roles[c.Role]; ready && c.Server == Key(server) && compiled[c.Tool] {
			d.Matrix[c.Role] = append(d.Matrix[c.Role], c.Tool)
			d.limit(c, ways[c])
		}
	}
	for key := range d.Roles {
		namespace, name, _ := strings.Cut(key, "/")
		role := e.role(namespace, name)
		d.Roles[key] = Role{ApplicationID: role.Status.ServicePrincipal.ApplicationID, Scopes: append([]string{}, e.Needs(role, cells).Scopes...)}
		if d.Matrix[key] == nil {
			d.Matrix[key] = []string{}
		}
	}
	d.Dependencies, d.Health = e.Dependencies(server), e.health(server)
	sealed, err := d.Seal()
	return sealed, unique(refusals), err
}

// limit sets the terms of a cell, if it has any, and the conditions that they name.
func (d *Document) limit(c Cell, ways []way) {
	list := terms(ways)
	if len(list) == 0 {
		return
	}
	if d.Terms == nil {
		d.Terms = map[string]map[string][]Term{}
	}
	if d.Terms[c.Role] == nil {
		d.Terms[c.Role] = map[string][]Term{}
	}
	d.Terms[c.Role][c.Tool] = list
	for _, w := range ways {
		if w.when != "" && slices.ContainsFunc(list, func(t Term) bool { return t.Rule == w.rule }) {
			if d.Conditions == nil {
				d.Conditions = map[string]string{}
			}
			d.Conditions[w.rule] = w.when
		}
	}
}

// compileIssuers fills in the policies of a server and the roles they reach. A
// claim value that would stand for two roles stands for none.
func (e Estate) compileIssuers(server *v1alpha1.MCPServer, d *Document) []Refusal {
	var refusals []Refusal
	type value struct{ issuer, subject string }
	owners := map[value]map[string]bool{}
	for _, ref := range server.Spec.FederationPolicyRefs {
		p := e.policy(server.Namespace, ref.Name)
		if p == nil || !p.DeletionTimestamp.IsZero() {
			refusals = append(refusals, Refusal{"", v1alpha1.ReasonPolicyNotFound, fmt.Sprintf("the FederationPolicy %s does not exist", ref.Name)})
			continue
		}
		limits, denial := e.Limits(p.Namespace)
		switch {
		case denial != nil:
			refusals = append(refusals, Refusal{"", denial.Reason, denial.Message})
			continue
		case !limits.Issuer(string(p.Spec.Issuer)):
			refusals = append(refusals, Refusal{"", v1alpha1.ReasonOutsideBoundary, fmt.Sprintf("the Boundary %s does not allow the issuer %s; allowed: %s", limits.Name, p.Spec.Issuer, limits.Issuers())})
			continue
		}
		issuer := compileIssuer(p, string(limits.IssuerNetwork()))
		bindings, refused := e.Bindings(p)
		refusals = append(refusals, refused...)
		for _, b := range bindings {
			if b.Role.Status.ServicePrincipal.ApplicationID == "" {
				continue // its own conditions say why it is not ready
			}
			v := value{issuer.Issuer, b.Subject}
			if owners[v] == nil {
				owners[v] = map[string]bool{}
			}
			owners[v][Key(b.Role)] = true
			issuer.Subjects[b.Subject] = Key(b.Role)
		}
		d.Issuers = append(d.Issuers, issuer)
	}
	for i := range d.Issuers {
		for subject, role := range d.Issuers[i].Subjects {
			if len(owners[value{d.Issuers[i].Issuer, subject}]) > 1 {
				delete(d.Issuers[i].Subjects, subject)
				refusals = append(refusals, Refusal{role, v1alpha1.ReasonConflict, fmt.Sprintf(
					"the claim value %q of the issuer %s stands for several Roles; it counts for none of them", subject, d.Issuers[i].Issuer)})
				continue
			}
			d.Roles[role] = Role{}
		}
	}
	slices.SortFunc(d.Issuers, func(a, b Issuer) int { return strings.Compare(a.Issuer+" "+a.Policy, b.Issuer+" "+b.Policy) })
	return refusals
}

func compileIssuer(p *v1alpha1.FederationPolicy, network string) Issuer {
	out := Issuer{
		Policy: Key(p), Issuer: string(p.Spec.Issuer), Audiences: slices.Sorted(slices.Values(p.Spec.Audiences)),
		CABundle: string(p.Spec.CABundle), TokenType: string(p.Spec.TokenType), RoleClaim: string(p.Spec.Claims.Role),
		EmailClaim: string(p.Spec.Claims.Email), NameClaim: string(p.Spec.Claims.Name),
		AllowedClients: slices.Sorted(slices.Values(p.Spec.AllowedClients)), Network: network, Subjects: map[string]string{},
	}
	for _, a := range p.Spec.Algorithms {
		out.Algorithms = append(out.Algorithms, string(a))
	}
	slices.Sort(out.Algorithms)
	if k := p.Spec.Keys; k != nil {
		out.JWKSURI, out.JWKS = string(k.URI), k.Inline
	}
	return out
}

func (e Estate) toolByRef(namespace, name string) *v1alpha1.Tool {
	for i := range e.Tools {
		if t := &e.Tools[i]; t.Namespace == namespace && t.Name == name && t.DeletionTimestamp.IsZero() {
			return t
		}
	}
	return nil
}

func (e Estate) policy(namespace, name string) *v1alpha1.FederationPolicy {
	for i := range e.Policies {
		if e.Policies[i].Namespace == namespace && e.Policies[i].Name == name {
			return &e.Policies[i]
		}
	}
	return nil
}
