// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// login gets a user's access token from the identity provider, for our server.
func (d *demo) login(ctx context.Context, user string) (string, error) {
	pod, err := d.podOf(ctx, "idp", "app", "idp")
	if err != nil {
		return "", err
	}
	password, err := d.secret(user)
	if err != nil {
		return "", err
	}
	idp := env.IdentityProvider{Issuer: issuerURL, ClientID: "demo", HTTP: d.net.client("idp", pod, 8443)}
	return idp.Login(ctx, user, password, resourceURL)
}

// connect opens an MCP session at one pod, with the official client.
func (d *demo) connect(ctx context.Context, pod, token string) (*mcp.ClientSession, error) {
	client := d.net.client(samplesSpace, pod, 8080)
	client.Transport = env.Bearer{Token: token, Next: client.Transport}
	c := mcp.NewClient(&mcp.Implementation{Name: "gatehouse-demo", Version: "1"}, nil)
	// The address is the server's own name; the connection goes to the pod.
	endpoint := strings.Replace(resourceURL, "https://", "http://", 1)
	return c.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: endpoint, HTTPClient: client, DisableStandaloneSSE: true, MaxRetries: -1}, nil)
}

// answer is what a tool said, as far as the demo looks at it.
type answer struct {
	Status string `json:"status"`
	Error  struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Identity struct {
		Role        string          `json:"role"`
		CurrentUser string          `json:"current_user"`
		Groups      map[string]bool `json:"groups"`
	} `json:"identity"`
	Rows           []map[string]any `json:"rows"`
	Message        string           `json:"message"`
	ConversationID string           `json:"conversation_id"`
	Query          string           `json:"query"`
	TotalRows      int              `json:"total_rows"`
	Agents         []string         `json:"agents"`
	Response       struct {
		Status int            `json:"status"`
		Body   map[string]any `json:"body"`
	} `json:"response"`
}

// call calls a tool without arguments.
func call(ctx context.Context, session *mcp.ClientSession, tool string, args map[string]any) (answer, error) {
	var out answer
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		return out, err
	}
	raw, err := json.Marshal(result.StructuredContent)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(raw, &out); err != nil || out.Status == "" {
		return out, fmt.Errorf("%s answered without the envelope", tool)
	}
	return out, nil
}

// cell is one square of the matrix.
type cell struct {
	role, tool string
	declared   bool
	// observed, and what it showed: which rows, whether margins.
	observed bool
	detail   string
	// problem says how it differs from what is declared; empty when it does not.
	problem string
}

// declaration is the matrix as the ToolAccess says it.
func declaration(a *v1alpha1.ToolAccess, tools []string) []cell {
	var out []cell
	for _, tool := range tools {
		for _, role := range roles {
			yes := slices.ContainsFunc(a.Spec.Rules, func(r v1alpha1.AccessRule) bool {
				return slices.Contains(r.Roles, role) && slices.Contains(r.Tools, tool)
			})
			out = append(out, cell{role: role, tool: tool, declared: yes})
		}
	}
	return out
}

// sight is what a role is to see of main.sales.deals.
type sight struct {
	regions []string
	margin  bool
}

var all = []string{"EAST", "NORTH", "WEST"}

var sights = map[string]sight{
	"west-sales": {[]string{"WEST"}, false}, "east-sales": {[]string{"EAST"}, false}, "managers": {all, false},
	"executive": {all, true}, "finance": {all, true}, "admin": {all, true},
}

// judge fills in what an answer means for a cell.
func (c *cell) judge(a answer, applicationID string, listed bool) {
	c.observed = a.Status == "ok"
	switch {
	case !c.observed && a.Error.Code != "ACCESS_DENIED":
		c.detail, c.problem = a.Error.Code, a.Error.Message
		return
	case c.observed != c.declared:
		c.problem = "declared otherwise"
		return
	case listed != c.declared:
		c.problem = "tools/list says otherwise"
		return
	case !c.observed:
		return
	}
	switch c.tool {
	case "check_identity":
		c.detail = "as the SP"
		if a.Identity.CurrentUser != applicationID {
			c.problem = "current_user() is not the role's service principal"
		}
	case "query_audit_log":
		c.detail = fmt.Sprintf("%d rows", len(a.Rows))
		if len(a.Rows) == 0 {
			c.problem = "no rows"
		}
	case "query_knowledge_base":
		c.finds(a)
	case "ask_supervisor":
		c.detail = strings.Join(a.Agents, "+")
		if len(a.Agents) != 2 || a.Message == "" {
			c.problem = "the supervisor did not ask both of its agents"
		}
	case "github_search":
		c.detail = fmt.Sprintf("%d of %d", len(a.Rows), a.TotalRows)
		if len(a.Rows) != 2 || a.Rows[0]["repository"] != "example/pricing-model" {
			c.problem = "other repositories were found"
		}
	case "external_api_call":
		c.detail = fmt.Sprint(a.Response.Status)
		if a.Response.Body["full_name"] != "example/deal-importer" {
			c.problem = "another answer"
		}
	default:
		c.sees(a)
	}
}

// finds wants the nearest passage first, with its score as a number.
func (c *cell) finds(a answer) {
	c.detail = fmt.Sprintf("%d passages", len(a.Rows))
	if len(a.Rows) != 2 || a.Rows[0]["title"] != "Discounts" {
		c.problem = "another passage is the nearest"
		return
	}
	last := math.Inf(1)
	for _, r := range a.Rows {
		score, ok := r["score"].(float64)
		if !ok || score > last {
			c.problem = "the scores are not numbers that fall"
		}
		last = score
	}
}

// sees holds the rows and the mask against what the role is to see.
func (c *cell) sees(a answer) {
	want := sights[c.role]
	regions, margins := map[string]bool{}, 0
	for _, r := range a.Rows {
		if s, ok := r["region"].(string); ok {
			regions[s] = true
		}
		if r["margin_pct"] != nil {
			margins++
		}
	}
	var seen []string
	for _, r := range all {
		if regions[r] {
			seen = append(seen, r)
		}
	}
	c.detail = strings.Join(seen, "+")
	if len(seen) == len(all) {
		c.detail = "all rows"
	}
	if !slices.Equal(seen, want.regions) {
		c.problem = "sees the rows of " + c.detail
	}
	if c.tool != "query_sales_data" {
		return
	}
	masked := margins == 0
	if masked {
		c.detail += ", NULL"
	} else {
		c.detail += ", margin"
	}
	if masked == want.margin || !masked && margins != len(a.Rows) {
		c.problem = fmt.Sprintf("sees %d margins in %d rows", margins, len(a.Rows))
	}
}
