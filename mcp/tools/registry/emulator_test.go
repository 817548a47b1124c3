// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/registry"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/toolstest"
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
	parts := registry.Parts{Clients: registry.Databricks(e.WorkspaceURL, client, client), WarehouseID: env.WarehouseID}
	call := tools.Call{RequestID: "r1", Session: administrator(e.Token(t, e.WorkspaceURL))}
	run := func(tool access.Tool, args string) (*tools.Output, error) {
		d, err := registry.Define(tool, parts)
		if err != nil {
			t.Fatal(err)
		}
		return d.Run(t.Context(), call, []byte(args))
	}
	name, n := access.SignatureParameter{Name: "name", Type: "STRING"}, access.SignatureParameter{Name: "n", Type: "INT"}
	for _, c := range []struct {
		tool       access.Tool
		args, want string
	}{
		{function(t, "main.sales.quote", false, name, n), `{"name":"o'x","n":3}`, `"rows":[{"result":"o'x!3"}],"row_count":1,"total_rows":1}`},
		{function(t, "main.sales.pairs", true, name, n), `{"name":"x","n":3}`, `"rows":[{"a":"x","b":1},{"a":"x","b":2}],"row_count":2,"truncated":true`},
		{function(t, "main.sales.nothing", false), `{}`, `"rows":[{"result":7}],"row_count":1,"total_rows":1}`},
	} {
		out, err := run(c.tool, c.args)
		if err != nil {
			t.Fatal(err)
		}
		if got := toolstest.AsJSON(t, out); !strings.Contains(got, c.want) {
			t.Errorf("answered %s", got)
		}
	}
	// Nobody listens at the connection's port, which is only found out when the request is made.
	for _, c := range []struct {
		tool access.Tool
		args string
	}{
		{declared(t), `{"operation":"search","q":"a'b","n":3}`},
		{declared(t), `{"operation":"read","owner":"a b"}`},
		{open(t), `{"method":"POST","path":"/repos/a/issues","query":{"a":"b"},"body":"{}"}`},
	} {
		_, err := run(c.tool, c.args)
		toolstest.Refused(t, tools.AsError(err), tools.CodeUpstreamError, "SQLSTATE 57012")
	}
}
