// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/tooldef"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// administrator has the token of the emulator's administrator.
type administrator string

func (a administrator) Token(context.Context, bool) (wire.Secret, error) {
	return wire.Secret(a), nil
}

// TestStatementsThatAreWrittenHereAreUnderstood runs them against the emulator's SQL engine.
func TestStatementsThatAreWrittenHereAreUnderstood(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the emulator")
	}
	e := env.NewEmulator(t)
	e.SQL(t, "CREATE CATALOG main", "CREATE SCHEMA main.sales",
		"CREATE FUNCTION main.sales.quote(name STRING, n INT) RETURNS STRING RETURN concat(name, '!', CAST(n AS STRING))",
		"CREATE FUNCTION main.sales.pairs(name STRING, n INT) RETURNS TABLE (a STRING, b INT) RETURN SELECT name AS a, v.x AS b FROM (VALUES (1), (2), (3)) AS v(x) WHERE v.x <= n",
		"CREATE FUNCTION main.sales.nothing() RETURNS INT RETURN 7",
		"CREATE CONNECTION gh TYPE HTTP OPTIONS (host 'https://127.0.0.1', port '1', base_path '/v1', bearer_token 'dose')")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(e.CA))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	ctx := tools.Context{
		Context: t.Context(), RequestID: "r1", WarehouseID: env.WarehouseID,
		Session: administrator(e.Token(t, e.WorkspaceURL)), Statements: caller.NewStatements(e.WorkspaceURL, client),
	}
	function := func(name string, table bool, parameters ...tooldef.SignatureParameter) *tools.Definition {
		f := access.FunctionTool{Name: name, Table: table, MaxRows: 2}
		for _, p := range parameters {
			f.Parameters = append(f.Parameters, access.Parameter{Name: p.Name, Type: p.Type})
		}
		return define(t, access.Tool{Function: &f}, v1alpha1.ToolSpec{Function: &v1alpha1.FunctionTool{}}, parameters...)
	}
	name, n := tooldef.SignatureParameter{Name: "name", Type: "STRING"}, tooldef.SignatureParameter{Name: "n", Type: "INT"}
	for _, c := range []struct {
		tool       *tools.Definition
		args, want string
	}{
		{function("main.sales.quote", false, name, n), `{"name":"o'x","n":3}`, `"rows":[{"result":"o'x!3"}],"row_count":1,"total_rows":1}`},
		{function("main.sales.pairs", true, name, n), `{"name":"x","n":3}`, `"rows":[{"a":"x","b":1},{"a":"x","b":2}],"row_count":2,"truncated":true`},
		{function("main.sales.nothing", false), `{}`, `"rows":[{"result":7}],"row_count":1,"total_rows":1}`},
	} {
		out, err := c.tool.Run(ctx, []byte(c.args))
		if err != nil {
			t.Fatal(err)
		}
		if got := asJSON(t, out); !strings.Contains(got, c.want) {
			t.Errorf("answered %s", got)
		}
	}
	// Nobody listens at the connection's port, which is only found out when the request is made.
	for _, c := range []struct {
		tool *tools.Definition
		args string
	}{
		{github(t), `{"operation":"search","q":"a'b","n":3}`},
		{github(t), `{"operation":"read","owner":"a b"}`},
		{open(t), `{"method":"POST","path":"/repos/a/issues","query":{"a":"b"},"body":"{}"}`},
	} {
		_, err := c.tool.Run(ctx, []byte(c.args))
		refused(t, tools.AsError(err), tools.CodeUpstreamError, "SQLSTATE 57012")
	}
}
