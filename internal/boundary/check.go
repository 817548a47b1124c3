// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package boundary

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Grant is a privilege on an object that is asked for.
type Grant struct{ Type, Name, Privilege string }

// Types of a Grant on an object that Unity Catalog does not hold.
const (
	// Warehouse is a SQL warehouse, named by its id.
	Warehouse = "Warehouse"
	// GenieSpace is a Genie space, named by its id.
	GenieSpace = "GenieSpace"
	// ServingEndpoint is a serving endpoint, named by its name.
	ServingEndpoint = "ServingEndpoint"
)

// object returns the privileges that are granted on a type of object outside of
// Unity Catalog, and the names that the Boundary allows. Who may use an object may
// also be let see it and no more.
func (l *Limits) object(kind string) (privileges []string, names []v1alpha1.NamePattern, known bool) {
	switch kind {
	case Warehouse:
		return []string{"CAN_USE"}, l.spec.Warehouses, true
	case GenieSpace:
		return []string{"CAN_RUN", "CAN_READ"}, l.spec.GenieSpaces, true
	case ServingEndpoint:
		return []string{"CAN_QUERY", "CAN_VIEW"}, l.spec.ServingEndpoints, true
	}
	return nil, nil, false
}

// grantable are the privileges that the operator grants, whatever a Boundary says.
var grantable = []string{"USE_CATALOG", "USE_SCHEMA", "SELECT", "EXECUTE", "MODIFY", "READ_VOLUME", "BROWSE", "USE_CONNECTION"}

// neverJoined are groups that stand for administration or for everybody, whatever a Boundary says.
var neverJoined = []string{"admins", "account admins", "users", "account users"}

// Request is what a Role asks for.
type Request struct {
	Workspace string
	// ServicePrincipal is the application id of an existing one; empty asks for none.
	ServicePrincipal string
	MemberOf         []string
	Grants           []Grant
	Scopes           []string
}

// Check returns a sentence for each thing that is asked for and not allowed.
func (l *Limits) Check(r Request) []string {
	var out []string
	if !l.Workspace(r.Workspace) {
		out = append(out, asked("the Workspace "+r.Workspace, l.spec.Workspaces))
	}
	if id := r.ServicePrincipal; id != "" && !l.ServicePrincipal(id) {
		out = append(out, asked("the service principal "+id, l.spec.ServicePrincipals))
	}
	for _, g := range r.MemberOf {
		if !l.MemberOf(g) {
			out = append(out, asked("membership of the group "+g, l.spec.Groups.MemberOf))
		}
	}
	for _, g := range r.Grants {
		if !l.Grant(g) {
			out = append(out, l.refused(g))
		}
	}
	for _, s := range r.Scopes {
		if !l.Scope(s) {
			out = append(out, asked("the scope "+s, l.spec.Scopes))
		}
	}
	return out
}

// Workspace says whether a Workspace may be used.
func (l *Limits) Workspace(name string) bool { return anyMatch(l.spec.Workspaces, name, "") }

// MemberOf says whether roles may be members of a group.
func (l *Limits) MemberOf(group string) bool {
	return !administrative(group) && anyMatch(l.spec.Groups.MemberOf, group, "")
}

// ServicePrincipal says whether roles may adopt an existing service principal, by its application id.
func (l *Limits) ServicePrincipal(applicationID string) bool {
	return anyMatch(l.spec.ServicePrincipals, applicationID, "")
}

// Create says whether a group may be created when it does not exist.
func (l *Limits) Create(group string) bool {
	return !administrative(group) && anyMatch(l.spec.Groups.Create, group, "")
}

// Grant says whether a privilege may be granted.
func (l *Limits) Grant(g Grant) bool {
	if privileges, names, ok := l.object(g.Type); ok {
		return slices.Contains(privileges, g.Privilege) && anyMatch(names, g.Name, "")
	}
	if !slices.Contains(grantable, g.Privilege) {
		return false
	}
	for _, b := range l.spec.Grants {
		if string(b.Type) == g.Type && slices.Contains(b.Privileges, v1alpha1.Privilege(g.Privilege)) && anyMatch(b.Names, g.Name, ".") {
			return true
		}
	}
	return false
}

// Scope says whether a role's token may have a scope.
func (l *Limits) Scope(scope string) bool {
	return slices.Contains(l.spec.Scopes, v1alpha1.OAuthScope(scope))
}

// Issuer says whether an identity provider may be trusted, compared byte for byte.
func (l *Limits) Issuer(issuer string) bool {
	return slices.Contains(l.spec.Issuers, v1alpha1.HTTPSURL(issuer))
}

// IssuerNetwork says where an issuer's keys may be fetched from.
func (l *Limits) IssuerNetwork() v1alpha1.IssuerNetwork {
	if l.spec.IssuerNetwork == v1alpha1.IssuerNetworkAny {
		return v1alpha1.IssuerNetworkAny
	}
	return v1alpha1.IssuerNetworkPublic
}

// Tool says whether roles may call a tool.
func (l *Limits) Tool(name string) bool { return anyMatch(l.spec.Tools, name, "") }

// Server says whether roles may be served by an MCPServer, `<namespace>/<name>`.
func (l *Limits) Server(name string) bool { return anyMatch(l.spec.Servers, name, "/") }

// ServersOf says whether any server of a namespace is allowed, so that the namespace
// is trusted to say who calls.
func (l *Limits) ServersOf(namespace string) bool {
	return slices.ContainsFunc(l.spec.Servers, func(p v1alpha1.NamePattern) bool {
		of, name, ok := strings.Cut(string(p), "/")
		return ok && name != "" && match(of, namespace, "/")
	})
}

// Hosting says whether MCPServers may run in the namespace.
func (l *Limits) Hosting() bool { return l.spec.Hosting == v1alpha1.HostingAllowed }

// WarehouseAllowed says whether a warehouse may be used.
func (l *Limits) WarehouseAllowed(id string) bool {
	return l.Grant(Grant{Type: Warehouse, Name: id, Privilege: "CAN_USE"})
}

// GovernedTable says whether a DataPolicy may govern a table.
func (l *Limits) GovernedTable(name string) bool {
	return anyMatch(l.spec.DataPolicies.Tables, name, ".")
}

// PolicyFunction says whether a DataPolicy may make or use a function.
func (l *Limits) PolicyFunction(name string) bool {
	return anyMatch(l.spec.DataPolicies.Functions, name, ".")
}

// DataPolicy is what a DataPolicy asks for.
type DataPolicy struct {
	Workspace, Warehouse, Table string
	Functions                   []string
}

// CheckDataPolicy returns a sentence for each thing that is asked for and not allowed.
func (l *Limits) CheckDataPolicy(p DataPolicy) []string {
	out := l.Check(Request{Workspace: p.Workspace, Grants: []Grant{{Type: Warehouse, Name: p.Warehouse, Privilege: "CAN_USE"}}})
	if !l.GovernedTable(p.Table) {
		out = append(out, asked("governing the table "+p.Table, l.spec.DataPolicies.Tables))
	}
	for _, f := range p.Functions {
		if !l.PolicyFunction(f) {
			out = append(out, asked("the function "+f, l.spec.DataPolicies.Functions))
		}
	}
	return out
}

// Connection is what a Connection asks for.
type Connection struct {
	Workspace, Name string
	// Hosts are the host names that it leads to, that of the token endpoint among them.
	Hosts []string
	// MCPService is the full name of its MCP service; empty for none.
	MCPService string
}

// CheckConnection returns a sentence for each thing that is asked for and not allowed.
func (l *Limits) CheckConnection(c Connection) []string {
	out := l.Check(Request{Workspace: c.Workspace})
	allowed := l.spec.Connections
	if !anyMatch(allowed.Names, c.Name, "") {
		out = append(out, asked("the connection "+c.Name, allowed.Names))
	}
	for _, h := range c.Hosts {
		if !host(allowed.Hosts, h) {
			out = append(out, asked("the host "+h, allowed.Hosts))
		}
	}
	if c.MCPService != "" && !anyMatch(allowed.MCPServices, c.MCPService, ".") {
		out = append(out, asked("the MCP service "+c.MCPService, allowed.MCPServices))
	}
	return out
}

// host compares the name of a host with patterns: upper and lower case are the same there.
func host(patterns []v1alpha1.NamePattern, name string) bool {
	return name != "" && slices.ContainsFunc(patterns, func(p v1alpha1.NamePattern) bool {
		return match(strings.ToLower(string(p)), strings.ToLower(name), ".")
	})
}

// ModelEndpoint is what a ModelEndpoint asks for.
type ModelEndpoint struct {
	Workspace, Endpoint string
	// PayloadTable is `<catalog>.<schema>.<tablePrefix>`; empty without payload logging.
	PayloadTable string
}

// CheckModelEndpoint returns a sentence for each thing that is asked for and not allowed.
func (l *Limits) CheckModelEndpoint(m ModelEndpoint) []string {
	out := l.Check(Request{Workspace: m.Workspace})
	if !anyMatch(l.spec.ModelEndpoints.Names, m.Endpoint, "") {
		out = append(out, asked("configuring the serving endpoint "+m.Endpoint, l.spec.ModelEndpoints.Names))
	}
	if m.PayloadTable != "" && !anyMatch(l.spec.ModelEndpoints.PayloadTables, m.PayloadTable, ".") {
		out = append(out, asked("payload logging into tables that begin with "+m.PayloadTable, l.spec.ModelEndpoints.PayloadTables))
	}
	return out
}

// Issuers are the issuers that are allowed, for messages.
func (l *Limits) Issuers() string { return listed(l.spec.Issuers) }

func (l *Limits) refused(g Grant) string {
	what := fmt.Sprintf("%s on %s %s", g.Privilege, g.Type, g.Name)
	if _, names, ok := l.object(g.Type); ok {
		return asked(what, names)
	}
	var allowed []string
	for _, b := range l.spec.Grants {
		if string(b.Type) != g.Type {
			continue
		}
		for _, n := range b.Names {
			allowed = append(allowed, fmt.Sprintf("%s on %s", join(b.Privileges, "+"), n))
		}
	}
	return asked(what, allowed)
}

func administrative(group string) bool {
	return slices.ContainsFunc(neverJoined, func(g string) bool { return strings.EqualFold(g, strings.TrimSpace(group)) })
}

func asked[T ~string](what string, allowed []T) string {
	return fmt.Sprintf("asks for %s; allowed: %s", what, listed(allowed))
}

// mostListed bounds how much of a long list a message repeats.
const mostListed = 8

func listed[T ~string](all []T) string {
	switch {
	case len(all) == 0:
		return "none"
	case len(all) > mostListed:
		return fmt.Sprintf("%s and %d more", join(all[:mostListed], ", "), len(all)-mostListed)
	}
	return join(all, ", ")
}

func join[T ~string](all []T, sep string) string {
	words := make([]string, len(all))
	for i, w := range all {
		words[i] = string(w)
	}
	return strings.Join(words, sep)
}

func anyMatch(patterns []v1alpha1.NamePattern, name, separator string) bool {
	return slices.ContainsFunc(patterns, func(p v1alpha1.NamePattern) bool { return match(string(p), name, separator) })
}

// match compares a name with a pattern in which '*' stands for any characters but
// the separator. Names are compared as they are: upper and lower case differ.
func match(pattern, name, separator string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(name, first) {
		return false
	}
	rest := name[len(first):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 || crosses(rest[:i], separator) {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, last) && len(rest) >= len(last) && !crosses(rest[:len(rest)-len(last)], separator)
}

func crosses(s, separator string) bool { return separator != "" && strings.Contains(s, separator) }
