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

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// direct does what somebody could who holds a caller's token and goes past the
// MCP server: exchange it, and run each tool's statement.
func (d *demo) direct(ctx context.Context, result *Result) error {
	var access v1alpha1.ToolAccess
	if err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: "matrix"}, &access); err != nil {
		return err
	}
	var list v1alpha1.ToolList
	if err := d.kube.List(ctx, &list, client.InNamespace(samplesSpace)); err != nil {
		return err
	}
	tools := map[string]v1alpha1.ToolSpec{}
	for _, t := range list.Items {
		tools[t.Spec.ToolName] = t.Spec
	}
	emulator, err := d.emulator(ctx)
	if err != nil {
		return err
	}
	var unreachable []string
	cells := declaration(&access, toolNames)
	for _, role := range roles {
		sp, err := d.exchange(ctx, emulator, role)
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
			case needed(cells, tools, c):
				result.NoMatrixOnly++
				d.say("   %s as %s: MatrixOnly, another tool of the role reads the same", c.tool, role)
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
	return nil
}

// exchange turns a user's token into one of the role's service principal.
func (d *demo) exchange(ctx context.Context, emulator *http.Client, name string) (*databricks, error) {
	var role v1alpha1.Role
	if err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: name}, &role); err != nil {
		return nil, err
	}
	token, err := d.login(ctx, name)
	if err != nil {
		return nil, err
	}
	return signIn(ctx, emulator, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"},
		"client_id": {role.Status.ServicePrincipal.ApplicationID}, "scope": {strings.Join(role.Status.Scopes, " ")},
	})
}

// attempt runs what a tool would run.
func attempt(ctx context.Context, sp *databricks, t v1alpha1.ToolSpec) (bool, error) {
	statement, parameters := "SELECT current_user()", []v1alpha1.SQLParameter(nil)
	if t.SQL != nil {
		statement, parameters = t.SQL.Statement, t.SQL.Parameters
	}
	_, err := sp.query(ctx, statement, parameters)
	if refused, ok := errors.AsType[*refusedError](err); ok && refused.state == "42501" {
		return false, nil
	}
	return err == nil, err
}

// needed says whether another tool that the role may call reads all that this one reads.
func needed(cells []cell, tools map[string]v1alpha1.ToolSpec, c cell) bool {
	var reads []v1alpha1.SecurableName
	for _, o := range cells {
		if o.role == c.role && o.declared {
			reads = append(reads, tools[o.tool].Reads...)
		}
	}
	return !slices.ContainsFunc(tools[c.tool].Reads, func(n v1alpha1.SecurableName) bool { return !slices.Contains(reads, n) })
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
