// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// Identity is what an identity tool answers: who called, and who the SQL engine
// says is asking.
type Identity struct {
	Email       string          `json:"email,omitempty"`
	Name        string          `json:"name,omitempty"`
	Issuer      string          `json:"issuer"`
	Role        string          `json:"role"`
	CurrentUser string          `json:"current_user"`
	Groups      map[string]bool `json:"groups,omitempty"`
}

// identityExecutor asks the SQL engine who is asking.
type identityExecutor struct {
	onStatements
	groups []string
}

func (e identityExecutor) run(ctx Context, _ Arguments) (*Output, error) {
	columns := []string{"current_user() AS who"}
	params := make([]wire.Param, 0, len(e.groups))
	for i, g := range e.groups {
		columns = append(columns, fmt.Sprintf("is_account_group_member(:g%d) AS g%d", i, i))
		params = append(params, wire.Param{Name: fmt.Sprintf("g%d", i), Value: &g, Type: "STRING"})
	}
	result, err := ctx.query(wire.StatementRequest{
		Statement: "SELECT " + strings.Join(columns, ", "), Params: params, RowLimit: 1,
	})
	if err != nil {
		return nil, err
	}
	if len(result.Rows) != 1 || len(result.Rows[0]) != len(columns) || result.Rows[0][0] == nil {
		return nil, Errorf(CodeUpstreamError, "Databricks did not say who is asking")
	}
	row := result.Rows[0]
	id := &Identity{
		Email: ctx.Caller.Email, Name: ctx.Caller.Name, Issuer: ctx.Caller.Issuer,
		Role: ctx.Caller.Role, CurrentUser: *row[0], Groups: make(map[string]bool, len(e.groups)),
	}
	for i, g := range e.groups {
		id.Groups[g] = row[i+1] != nil && *row[i+1] == "true"
	}
	return &Output{Identity: id}, nil
}
