// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// toolNames are the nine of the sample, in the order of the matrix.
var toolNames = []string{
	"check_identity", "get_region_summary", "query_sales_data", "genie_query", "query_knowledge_base",
	"query_audit_log", "ask_supervisor", "github_search", "external_api_call",
}

// arguments are what the tools are called with.
var arguments = map[string]map[string]any{
	"genie_query":          {"question": "total amount by region"},
	"query_knowledge_base": {"query": "who approves a discount", "num_results": 2},
	"ask_supervisor":       {"question": "What is the total of deals by region, and who approves discounts?"},
	"github_search":        {"kind": "repositories", "query": "deals", "limit": 5},
	"external_api_call":    {"method": "GET", "path": "/repos/example/deal-importer"},
}

// matrix calls every tool as every role and prints what came of it.
func (d *demo) matrix(ctx context.Context, result *Result) error {
	cells, err := d.observe(ctx)
	if err != nil {
		return err
	}
	d.print(cells)
	result.CellsDeclared = len(cells)
	for _, c := range cells {
		if c.problem == "" {
			result.CellsObservedAsDeclared++
		} else {
			d.say("   %s as %s: %s", c.tool, c.role, c.problem)
		}
	}
	d.say("   %d of %d cells are as declared", result.CellsObservedAsDeclared, result.CellsDeclared)
	return nil
}

// observe calls every tool as every role. The roles take turns at the pods.
func (d *demo) observe(ctx context.Context) ([]cell, error) {
	var access v1alpha1.ToolAccess
	if err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: "matrix"}, &access); err != nil {
		return nil, err
	}
	pods, err := d.podsOf(ctx, samplesSpace, v1alpha1.LabelServer, serverName)
	if err != nil {
		return nil, err
	}
	if len(pods) == 0 {
		return nil, fmt.Errorf("no pod of %s is ready", serverName)
	}
	cells := declaration(&access, toolNames)
	for i, name := range roles {
		var role v1alpha1.Role
		if err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: name}, &role); err != nil {
			return nil, err
		}
		if err := d.observeRole(ctx, pods[i%len(pods)], &role, cells); err != nil {
			return nil, fmt.Errorf("as %s: %w", name, err)
		}
	}
	return cells, nil
}

func (d *demo) observeRole(ctx context.Context, pod string, role *v1alpha1.Role, cells []cell) error {
	token, err := d.login(ctx, role.Name)
	if err != nil {
		return err
	}
	session, err := d.connect(ctx, pod, token)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", pod, err)
	}
	defer session.Close() //nolint:errcheck // stateless
	d.versions["mcp_protocol"] = session.InitializeResult().ProtocolVersion
	var listed []string
	for tool, err := range session.Tools(ctx, nil) {
		if err != nil {
			return fmt.Errorf("list the tools: %w", err)
		}
		listed = append(listed, tool.Name)
	}
	for i := range cells {
		c := &cells[i]
		if c.role != role.Name {
			continue
		}
		a, err := call(ctx, session, c.tool, arguments[c.tool])
		if err != nil {
			return err
		}
		c.judge(a, role.Status.ServicePrincipal.ApplicationID, slices.Contains(listed, c.tool))
	}
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// print shows the matrix: in each square what is declared, then what was observed.
func (d *demo) print(cells []cell) {
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprint(table, "declared|observed")
	for _, r := range roles {
		_, _ = fmt.Fprintf(table, "\t%s", r)
	}
	_, _ = fmt.Fprintln(table)
	for _, tool := range toolNames {
		_, _ = fmt.Fprint(table, tool)
		for _, r := range roles {
			for _, c := range cells {
				if c.tool != tool || c.role != r {
					continue
				}
				text := yesNo(c.declared) + "|" + yesNo(c.observed)
				if c.detail != "" {
					text += " " + c.detail
				}
				if c.problem != "" {
					text += " (!)"
				}
				_, _ = fmt.Fprintf(table, "\t%s", text)
			}
		}
		_, _ = fmt.Fprintln(table)
	}
	_ = table.Flush()
	_, _ = indented{d.Log}.Write(text.Bytes())
}
