// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
	"github.com/gatehouse-dev/gatehouse/internal/estate"
)

// direct does what somebody could who holds a caller's token and goes past the
// MCP server: exchange it, and ask for what each tool would ask for.
func (d *demo) direct(ctx context.Context, result *Result) error {
	var matrix v1alpha1.ToolAccess
	if err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: "matrix"}, &matrix); err != nil {
		return err
	}
	e, err := estate.Load(ctx, d.kube)
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
	var unreachable []string
	cells := declaration(&matrix, toolNames)
	for _, role := range roles {
		var held v1alpha1.Role
		if err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: role}, &held); err != nil {
			return err
		}
		sp, err := d.exchange(ctx, emulator, &held)
		if err != nil {
			return fmt.Errorf("as %s: %w", role, err)
		}
		for _, c := range cells {
			if c.role != role {
				continue
			}
			reached, err := attempt(ctx, sp, tools[c.tool])
			switch {
			case err != nil:
				return fmt.Errorf("%s as %s: %w", c.tool, role, err)
			case c.declared && !reached:
				unreachable = append(unreachable, c.tool+" as "+role)
			case c.declared:
			case !reached:
				result.NoEnforced++
			case needed(e, &held, c.tool):
				result.NoMatrixOnly++
				d.say("   %s as %s: MatrixOnly, other tools of the role need the same", c.tool, role)
			default:
				result.NoOpen++
				d.say("   %s as %s: Open, a grant from elsewhere lets it through", c.tool, role)
			}
		}
	}
	d.say("   of the cells that say no: %d Enforced by Databricks, %d MatrixOnly, %d Open", result.NoEnforced, result.NoMatrixOnly, result.NoOpen)
	if len(unreachable) > 0 {
		return fmt.Errorf("declared yes and refused by Databricks: %s", strings.Join(unreachable, ", "))
	}
	return d.enforced(ctx, result)
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

// exchange turns a user's token into one of the role's service principal.
func (d *demo) exchange(ctx context.Context, emulator *http.Client, role *v1alpha1.Role) (*databricks, error) {
	token, err := d.login(ctx, role.Name)
	if err != nil {
		return nil, err
	}
	return signIn(ctx, emulator, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
		"client_id": {role.Status.ServicePrincipal.ApplicationID}, "scope": {strings.Join(role.Status.Scopes, " ")},
	})
}

// attempt asks for what a tool would ask for. It says whether Databricks let it through.
func attempt(ctx context.Context, sp *databricks, t v1alpha1.ToolSpec) (bool, error) {
	var err error
	switch {
	case t.SQL != nil:
		_, err = sp.query(ctx, t.SQL.Statement, t.SQL.Parameters)
	case t.Identity != nil:
		_, err = sp.query(ctx, "SELECT current_user()", nil)
	case t.HTTP != nil:
		_, err = sp.query(ctx, fmt.Sprintf("SELECT r.status_code FROM (SELECT http_request(conn => '%s', method => 'GET', path => '/rate_limit') AS r)", t.HTTP.Connection), nil)
	case t.Genie != nil:
		err = sp.post(ctx, "/api/2.0/genie/spaces/"+t.Genie.SpaceID+"/start-conversation", map[string]any{"content": "total amount by region"})
	case t.VectorSearch != nil:
		err = sp.post(ctx, "/api/2.0/vector-search/indexes/"+string(t.VectorSearch.Index)+"/query", map[string]any{"columns": t.VectorSearch.Columns, "query_text": "discount", "num_results": 1})
	case t.Serving != nil:
		err = sp.post(ctx, "/serving-endpoints/"+string(t.Serving.Endpoint)+"/invocations", map[string]any{"input": []any{map[string]string{"role": "user", "content": "deals by region"}}})
	default:
		return false, fmt.Errorf("the demo does not know how to try this type of tool")
	}
	if refused, ok := errors.AsType[*refusedError](err); ok && refused.state == "42501" {
		return false, nil
	}
	return err == nil, err
}

// needed says whether all that a tool needs is there for other tools of the role.
func needed(e access.Estate, role *v1alpha1.Role, tool string) bool {
	own := e.Needs(role, []access.Cell{{Server: samplesSpace + "/" + serverName, Role: access.Key(role), Tool: tool}})
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
