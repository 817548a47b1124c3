// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/toolstest"
)

func whoami(t *testing.T, groups ...string) access.Tool {
	t.Helper()
	return toolstest.Complete(t, access.Tool{Identity: &access.IdentityTool{Groups: groups}}, v1alpha1.ToolSpec{Identity: &v1alpha1.IdentityTool{}})
}

func TestAnIdentityConforms(t *testing.T) {
	toolstest.Conforms(t, whoami(t), `{}`, toolstest.Workspace{Result: toolstest.Cells("who", []string{"app"})})
}

func TestTheSQLEngineSaysWhoAsks(t *testing.T) {
	w := &toolstest.Workspace{Result: toolstest.Cells("who,g0,g1", []string{"app", "true", "NULL"})}
	out, err := w.Call(t, whoami(t, "sales", "it's"), `{}`)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"status":"ok","request_id":"r1","identity":{"issuer":"https://idp/","role":"sales/west","current_user":"app","groups":{"it's":false,"sales":true}}}`
	if got := toolstest.AsJSON(t, out); got != want {
		t.Errorf("answered %s", got)
	}
	if r := w.Statements[0]; r.Statement != "SELECT current_user() AS who, is_account_group_member(:g0) AS g0, is_account_group_member(:g1) AS g1" || toolstest.Bound(r)["g1"] != "it's" {
		t.Errorf("ran %+v", r)
	}
	for name, columns := range map[string]string{"no row": "who", "no name": "who,g0"} {
		w := &toolstest.Workspace{Result: toolstest.Cells(columns)}
		if name == "no name" {
			w.Result = toolstest.Cells(columns, []string{"NULL", "true"})
		}
		_, err := w.Call(t, whoami(t, "sales"), `{}`)
		toolstest.Refused(t, err, tools.CodeUpstreamError, "did not say who is asking")
	}
}
