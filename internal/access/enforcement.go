// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
)

// Audit is what to compare with Databricks: every role of a document with every tool.
type Audit struct {
	// Roles are those of the document, by `<namespace>/<name>`.
	Roles map[string]AuditRole
	// Cells are sorted by role and tool.
	Cells []AuditCell
}

// AuditRole is a role as Databricks knows it.
type AuditRole struct {
	// ID is the numeric id of the service principal, and ApplicationID the UUID.
	ID, ApplicationID string
	// Declared are the privileges that its yes cells and its spec ask for.
	Declared map[boundary.Grant]bool
}

// AuditCell is a cell of the matrix with what its tool needs.
type AuditCell struct {
	Role, Tool string
	// Yes says that the matrix says yes, at least on a condition.
	Yes   bool
	Needs []boundary.Grant
	// Lacking are the scopes that the tool needs and the tokens of the role do not have.
	Lacking []string
}

// Audit returns what to compare for a document of a server.
func (e Estate) Audit(server *v1alpha1.MCPServer, d Document) Audit {
	cells, _ := e.Cells()
	served := e.toolsOf(server)
	out := Audit{Roles: map[string]AuditRole{}}
	for _, key := range slices.Sorted(maps.Keys(d.Roles)) {
		namespace, name, _ := strings.Cut(key, "/")
		role := e.role(namespace, name)
		if role == nil {
			continue
		}
		held := AuditRole{ID: role.Status.ServicePrincipal.ID, ApplicationID: d.Roles[key].ApplicationID, Declared: map[boundary.Grant]bool{}}
		for _, g := range e.Needs(role, cells).Grants {
			held.Declared[g.Grant] = true
		}
		out.Roles[key] = held
		for _, t := range d.Tools {
			tool := served[t.Name]
			if tool.Tool == nil {
				continue
			}
			needs := e.toolNeeds(tool, string(server.Spec.WarehouseID))
			c := AuditCell{Role: key, Tool: t.Name, Yes: slices.Contains(d.Matrix[key], t.Name), Needs: slices.Clone(needs.Grants)}
			slices.SortFunc(c.Needs, CompareGrants)
			for _, scope := range needs.Scopes {
				if !slices.Contains(d.Roles[key].Scopes, scope) {
					c.Lacking = append(c.Lacking, scope)
				}
			}
			out.Cells = append(out.Cells, c)
		}
	}
	return out
}

// Objects are what the cells need something on, sorted, each once.
func (a Audit) Objects() []AuditObject {
	seen := map[AuditObject]bool{}
	for _, c := range a.Cells {
		for _, n := range c.Needs {
			seen[AuditObject{n.Type, n.Name}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b AuditObject) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
	})
}

// AuditObject is an object in Databricks, by the names that grants have for it.
type AuditObject struct{ Type, Name string }

func (o AuditObject) String() string { return o.Type + " " + o.Name }

// Holding is a privilege that a principal effectively has on an object.
type Holding struct {
	Privilege string
	// Principal is an application id or the name of a group.
	Principal string
	// From is the object above that it is inherited from; zero means none.
	From AuditObject
}

// Effective is what Databricks says.
type Effective struct {
	// Holdings are those of the objects that could be read. One that does not exist has none.
	Holdings map[AuditObject][]Holding
	// Unread says of the others, or of a part of their holders, why they could not be read.
	Unread map[AuditObject]string
	// Members are, by group, the application ids of the roles that are in it, nested or not.
	Members map[string]map[string]bool
}

// Everyone are the groups that every service principal of a workspace is in.
var Everyone = []string{"account users", "users"}

// Enforcement is what the comparison says of the cells, each kind sorted.
type Enforcement struct {
	// Granted is how many cells that say yes have all that they need, and Enforced how
	// many that say no Databricks refuses as well.
	Granted, Enforced int
	// MatrixOnly are cells that say no and need only what other cells of the role need.
	MatrixOnly []Finding
	// Open are cells that say no and work by a grant from elsewhere.
	Open []Finding
	// Missing are cells that say yes and lack something.
	Missing []Finding
	// Unknown are cells of which Databricks did not say enough.
	Unknown []Finding
}

// Finding is a cell with what there is to say of it.
type Finding struct {
	Role, Tool string
	// Because names privileges and objects, and for Open where they come from.
	Because string
	// Lacking are scopes that the role's tokens do not have and the tool needs: through
	// the server it would not work. Who exchanges a token elsewhere chooses the scopes.
	Lacking []string
}

// Compare is pure.
func (a Audit) Compare(found Effective) Enforcement {
	var out Enforcement
	for _, c := range a.Cells {
		role := a.Roles[c.Role]
		var missing, unread, elsewhere []string
		for _, n := range c.Needs {
			source, held := found.source(role, n)
			problem, unknown := found.Unread[AuditObject{n.Type, n.Name}]
			what := fmt.Sprintf("%s on %s %s", n.Privilege, n.Type, n.Name)
			switch {
			case !held && unknown:
				unread = append(unread, what+": "+problem)
			case !held:
				missing = append(missing, what)
			case !role.Declared[n]:
				elsewhere = append(elsewhere, what+" from "+source)
			}
		}
		say := func(because []string) Finding {
			return Finding{Role: c.Role, Tool: c.Tool, Because: strings.Join(because, ", "), Lacking: c.Lacking}
		}
		switch {
		case c.Yes && len(missing) > 0:
			out.Missing = append(out.Missing, say(missing))
		case !c.Yes && len(missing) > 0:
			out.Enforced++
		case len(unread) > 0:
			out.Unknown = append(out.Unknown, say(unread))
		case c.Yes:
			out.Granted++
		case len(elsewhere) > 0:
			out.Open = append(out.Open, say(elsewhere))
		default:
			out.MatrixOnly = append(out.MatrixOnly, say(nil))
		}
	}
	return out
}

// source says from where a role has what is needed. Its own grant comes first.
func (f Effective) source(role AuditRole, n boundary.Grant) (text string, held bool) {
	for _, h := range f.Holdings[AuditObject{n.Type, n.Name}] {
		if h.Privilege != n.Privilege && h.Privilege != "ALL_PRIVILEGES" || !effectual(n, h) {
			continue
		}
		var who string
		switch {
		case h.Principal == role.ApplicationID:
			who = "its own service principal"
		case slices.Contains(Everyone, h.Principal) || f.Members[h.Principal][role.ApplicationID]:
			who = "the group " + h.Principal
		default:
			continue
		}
		if h.From != (AuditObject{}) {
			who += " on " + h.From.String()
		}
		if h.Principal == role.ApplicationID && h.From == (AuditObject{}) {
			return who, true
		}
		if !held {
			text, held = who, true
		}
	}
	return text, held
}

// effectual leaves out what Databricks accepts without an effect: USE_SCHEMA that the
// catalog `system` hands down.
func effectual(n boundary.Grant, h Holding) bool {
	return n.Privilege != "USE_SCHEMA" || h.From.Name != "system"
}
