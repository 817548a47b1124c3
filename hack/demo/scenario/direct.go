// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/inventory"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// direct does what somebody could who holds a caller's token and goes past the
// MCP server: exchange it, and ask for what each tool would ask for.
func (d *demo) direct(ctx context.Context, result *Result) error {
	var matrix v1alpha1.ToolAccess
	if err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: "matrix"}, &matrix); err != nil {
		return err
	}
	e, err := inventory.Load(ctx, d.kube)
	if err != nil {
		return err
	}
	tools := map[string]v1alpha1.ToolSpec{}
	for _, t := range e.Tools {
		if t.Namespace == samplesSpace {
			tools[t.Spec.ToolName] = t.Spec
		}
	}
	emulator, err := d.emulator(ctx)
	if err != nil {
		return err
	}
	var allowed allowedCells
	cells := declaration(&matrix, toolNames)
	for _, role := range roles {
		var held v1alpha1.Role
		if err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: role}, &held); err != nil {
			return err
		}
		as := d.exchanges(emulator, &held)
		for _, c := range cellsOf(cells, role) {
			own := e.Needs(&held, []access.Cell{{Server: samplesSpace + "/" + serverName, Role: access.Key(&held), Tool: c.tool}})
			if !c.declared {
				err = d.denied(ctx, as, c, tools[c.tool], needed(own, &held), result)
			} else {
				err = allowed.attempt(ctx, as, c, tools[c.tool], held.Status.Scopes, own.Scopes, result)
			}
			if err != nil {
				return err
			}
		}
	}
	d.say("   of the cells that say no: %d Enforced by Databricks, %d MatrixOnly, %d Open", result.NoEnforced, result.NoMatrixOnly, result.NoOpen)
	d.say("   of the cells that say yes: %d go through with the role's scopes, and are refused without those of the tool", result.YesRefusedWithoutScopes)
	if len(allowed.unreachable) > 0 {
		return fmt.Errorf("declared yes and refused by Databricks: %s", strings.Join(allowed.unreachable, ", "))
	}
	if len(allowed.scopeless) > 0 {
		return fmt.Errorf("let through with a token that lacks the tool's scopes: %s", strings.Join(allowed.scopeless, ", "))
	}
	return d.enforced(ctx, result)
}

// cellsOf are the cells of one role.
func cellsOf(all []cell, role string) []cell {
	return slices.DeleteFunc(slices.Clone(all), func(c cell) bool { return c.role != role })
}

// denied tries a denied cell. A caller's token can be exchanged for every scope, so the
// grants alone must refuse.
func (d *demo) denied(ctx context.Context, as *exchanges, c cell, tool v1alpha1.ToolSpec, neededElsewhere bool, result *Result) error {
	reached, err := as.attempt(ctx, []string{everyScope}, tool)
	switch {
	case err != nil:
		return fmt.Errorf("%s as %s: %w", c.tool, c.role, err)
	case !reached:
		result.NoEnforced++
	case neededElsewhere:
		result.NoMatrixOnly++
		d.say("   %s as %s: MatrixOnly, other tools of the role need the same", c.tool, c.role)
	default:
		result.NoOpen++
		d.say("   %s as %s: Open, a grant from elsewhere lets it through", c.tool, c.role)
	}
	return nil
}

// allowedCells collects allowed cells that Databricks answered otherwise than it should.
type allowedCells struct{ unreachable, scopeless []string }

// attempt tries an allowed cell: with the role's scopes it must go through, and without
// those of the tool it must not, whatever is granted.
func (a *allowedCells) attempt(ctx context.Context, as *exchanges, c cell, tool v1alpha1.ToolSpec, scopes, own []string, result *Result) error {
	reached, err := as.attempt(ctx, scopes, tool)
	if err != nil {
		return fmt.Errorf("%s as %s: %w", c.tool, c.role, err)
	}
	if !reached {
		a.unreachable = append(a.unreachable, c.tool+" as "+c.role)
		return nil
	}
	if reached, err = as.attempt(ctx, without(scopes, own), tool); err != nil {
		return fmt.Errorf("%s as %s without its scopes: %w", c.tool, c.role, err)
	}
	if reached {
		a.scopeless = append(a.scopeless, c.tool+" as "+c.role)
		return nil
	}
	result.YesRefusedWithoutScopes++
	return nil
}

// enforced waits until the operator, which compares grants instead of trying, says the same.
func (d *demo) enforced(ctx context.Context, result *Result) error {
	return until(ctx, "the operator's comparison of the matrix with Databricks", 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		s, err := d.server(ctx)
		if err != nil {
			return false, err
		}
		c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionMatrixEnforced)
		if c == nil || (c.Status == metav1.ConditionTrue) != (result.NoOpen == 0) {
			return false, nil
		}
		d.say("   the MCPServer's condition MatrixEnforced, the new tenant included: %s", c.Message)
		return true, nil
	})
}

// everyScope is the scope that stands for all.
const everyScope = "all-apis"

// without leaves scopes out. A token has one at least: then one that no tool needs.
func without(all, some []string) []string {
	rest := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
	if len(rest) == 0 {
		return []string{"files"}
	}
	return rest
}

// exchanges are tokens of a role's service principal, by their scopes.
type exchanges struct {
	demo     *demo
	emulator *env.Client
	role     *v1alpha1.Role
	tokens   map[string]*env.API
}

func (d *demo) exchanges(emulator *env.Client, role *v1alpha1.Role) *exchanges {
	return &exchanges{d, emulator, role, map[string]*env.API{}}
}

// attempt asks for what a tool would ask for with a token of some scopes, which it
// exchanges a user's token for. It says whether Databricks let it through.
func (x *exchanges) attempt(ctx context.Context, scopes []string, t v1alpha1.ToolSpec) (bool, error) {
	key := strings.Join(scopes, " ")
	if x.tokens[key] == nil {
		token, err := x.demo.login(ctx, x.role.Name)
		if err != nil {
			return false, err
		}
		if x.tokens[key], err = x.emulator.SignIn(ctx, workspaceURL, url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
			"client_id": {x.role.Status.ServicePrincipal.ApplicationID}, "scope": {key},
		}); err != nil {
			return false, err
		}
	}
	return attempt(ctx, x.tokens[key], t)
}

// attempt asks for what a tool would ask for. It says whether Databricks let it through.
func attempt(ctx context.Context, sp *env.API, t v1alpha1.ToolSpec) (bool, error) {
	var err error
	switch {
	case t.SQL != nil:
		parameters := make([]env.Parameter, len(t.SQL.Parameters))
		for i, p := range t.SQL.Parameters {
			parameters[i] = env.Parameter{Name: p.Name, Type: string(p.Type)}
		}
		_, err = sp.Query(ctx, t.SQL.Statement, parameters...)
	case t.Identity != nil:
		err = sp.SQL(ctx, "SELECT current_user()")
	case t.HTTP != nil:
		err = sp.SQL(ctx, fmt.Sprintf("SELECT r.status_code FROM (SELECT http_request(conn => '%s', method => 'GET', path => '/rate_limit') AS r)", t.HTTP.Connection))
	case t.Genie != nil:
		err = sp.Post(ctx, "/api/2.0/genie/spaces/"+t.Genie.SpaceID+"/start-conversation", map[string]any{"content": "total amount by region"})
	case t.VectorSearch != nil:
		err = sp.Post(ctx, "/api/2.0/vector-search/indexes/"+string(t.VectorSearch.Index)+"/query", map[string]any{"columns": t.VectorSearch.Columns, "query_text": "discount", "num_results": 1})
	case t.Serving != nil:
		err = sp.Post(ctx, "/serving-endpoints/"+string(t.Serving.Endpoint)+"/invocations", map[string]any{"input": []any{map[string]string{"role": "user", "content": "deals by region"}}})
	default:
		return false, fmt.Errorf("the demo does not know how to try this type of tool")
	}
	if env.Denied(err) {
		return false, nil
	}
	return err == nil, err
}

// needed says whether all that a tool needs is there for other tools of the role.
func needed(own access.Needs, role *v1alpha1.Role) bool {
	return !slices.ContainsFunc(own.Grants, func(g access.Grant) bool {
		return !slices.ContainsFunc(role.Status.Grants, func(has v1alpha1.RoleGrant) bool {
			return has.Type == g.Type && has.Name == g.Name && has.Privilege == g.Privilege
		})
	})
}

// conclude writes demo.json, says how to look around, and whether all is well.
func (d *demo) conclude(result *Result) error {
	raw, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(d.Out, "demo.json")
	if err := os.WriteFile(file, append(raw, '\n'), 0o600); err != nil {
		return err
	}
	d.say("\n%s", raw)
	d.say("\nWritten to %s after %s. Everything still runs; look around:", file, time.Since(d.started).Round(time.Second))
	kubectl := "kubectl"
	if d.kubeconfig != "" {
		kubectl = d.kubectl + " --kubeconfig=" + d.kubeconfig
	} else if d.Context != "" {
		kubectl += " --context=" + d.Context
	}
	for _, c := range []string{"get gatehouse -A", "-n sales get mcpserver governed-tools -o yaml", "-n sales describe ghrole west-sales", "-n gatehouse-system logs deploy/gatehouse-operator"} {
		d.say("  %s %s", kubectl, c)
	}
	d.say("and when you are done: make demo-down")
	switch {
	case result.CellsObservedAsDeclared != result.CellsDeclared:
		return fmt.Errorf("%d of %d cells are not as declared", result.CellsDeclared-result.CellsObservedAsDeclared, result.CellsDeclared)
	case result.NoOpen > 0:
		return fmt.Errorf("%d cells that say no are open", result.NoOpen)
	}
	return nil
}
