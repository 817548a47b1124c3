// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/databricks/databricks-sdk-go/service/serving"
	"github.com/databricks/databricks-sdk-go/service/sql"

	"github.com/databricks/databricks-sdk-go/service/catalog"

	"github.com/databricks/databricks-sdk-go/service/oauth2"

	"github.com/databricks/databricks-sdk-go/client"
	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/httpclient"
	"github.com/databricks/databricks-sdk-go/service/iam"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

const (
	// sdkTimeout and sdkRequestsPerSecond switch off the SDK's own limits. Those of
	// wire.Transport hold: it waits for its limit within a call of the SDK.
	sdkTimeout           = time.Hour
	sdkRequestsPerSecond = 1 << 20
)

// newSDK makes the client of the SDK for one host. It is made of its parts, because the
// SDK's own constructors read the environment and configuration files, ask
// /.well-known/databricks-config, and send writes again.
func newSDK(host, accountID string, tokens wire.TokenSource, next http.RoundTripper, o PoolOptions) (*client.DatabricksClient, error) {
	transport, err := wire.NewTransport(wire.TransportOptions{
		Host: host, Next: next, Tokens: tokens, UserAgent: o.UserAgent, IdleTimeout: o.CallTimeout, RequestsPerSecond: o.RequestsPerSecond, Fence: o.Fence,
	})
	if err != nil {
		return nil, fmt.Errorf("make the client of %s: %w", host, err)
	}
	base, err := url.Parse(host)
	if err != nil {
		return nil, fmt.Errorf("make the client of %s: %w", host, err)
	}
	c, err := client.NewWithClient(&config.Config{
		Host:                 host,
		AccountID:            url.PathEscape(accountID), // the SDK puts it into paths as it is
		Loaders:              []config.Loader{noLoader{}},
		HostMetadataResolver: func(context.Context, string) (*config.HostMetadata, error) { return nil, nil },
	}, httpclient.NewApiClient(httpclient.ClientConfig{
		Transport:          transport,
		HTTPTimeout:        sdkTimeout,
		RetryTimeout:       o.CallTimeout,
		RateLimitPerSecond: sdkRequestsPerSecond,
		// The queue retries, with what the answer says of when. The SDK would hold a worker and ignore
		// Retry-After. It sends reads whose connection broke again, and nothing else.
		ErrorRetriable: func(context.Context, error) bool { return false },
		ErrorMapper:    answerError,
		Visitors: []httpclient.RequestVisitor{func(r *http.Request) error {
			r.URL.Scheme, r.URL.Host = base.Scheme, base.Host
			return nil
		}},
	}))
	if err != nil {
		return nil, fmt.Errorf("make the client of %s: %w", host, err)
	}
	return c, nil
}

// noLoader keeps the SDK from the environment and from files.
type noLoader struct{}

func (noLoader) Name() string                   { return "none" }
func (noLoader) Configure(*config.Config) error { return nil }

// account and workspace are the SDK's services for one host each.
type account struct {
	api
	principals *iam.AccountServicePrincipalsV2API
	groups     *iam.AccountGroupsV2API

	assignments *iam.WorkspaceAssignmentAPI
	policies    *oauth2.ServicePrincipalFederationPolicyAPI
}

func newAccount(c *client.DatabricksClient) account {
	return account{
		api:        api{c},
		principals: iam.NewAccountServicePrincipalsV2(c),
		groups:     iam.NewAccountGroupsV2(c),

		assignments: iam.NewWorkspaceAssignment(c),
		policies:    oauth2.NewServicePrincipalFederationPolicy(c),
	}
}

type workspace struct {
	api
	me          *iam.CurrentUserAPI
	grants      *catalog.GrantsAPI
	connections *catalog.ConnectionsAPI
	functions   *catalog.FunctionsAPI
	schemas     *catalog.SchemasAPI
	tables      *catalog.TablesAPI
	permissions *iam.PermissionsAPI
	endpoints   *serving.ServingEndpointsAPI
	statements  *sql.StatementExecutionAPI
	gateway     *catalog.AiGatewayAPI
}

func newWorkspace(c *client.DatabricksClient) workspace {
	return workspace{
		api:         api{c},
		me:          iam.NewCurrentUser(c),
		grants:      catalog.NewGrants(c),
		connections: catalog.NewConnections(c),
		functions:   catalog.NewFunctions(c),
		schemas:     catalog.NewSchemas(c),
		tables:      catalog.NewTables(c),
		permissions: iam.NewPermissions(c),
		endpoints:   serving.NewServingEndpoints(c),
		statements:  sql.NewStatementExecution(c),
		gateway:     catalog.NewAiGateway(c),
	}
}

// found turns what the SDK read into what this package returns: nil for what does not
// exist, and a fault for an answer that is about something else. The SDK reads {} as an
// object without a name.
func found[S, T any](got *S, err error, convert func(S) T, fits func(T) bool) (*T, error) {
	err = classify(err)
	switch {
	case isMissing(err):
		return nil, nil //nolint:nilnil // absence is a value here, as the callers' doc comments say
	case err != nil:
		return nil, err
	}
	out := convert(*got)
	if !fits(out) {
		return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return &out, nil
}

// itself is the conversion of what needs none.
func itself[T any](v T) T { return v }

// unlessMissing classes the end of a deletion: what does not exist is deleted.
func unlessMissing(err error) error {
	if err = classify(err); isMissing(err) {
		return nil
	}
	return err
}

// api makes the calls that none of the SDK's typed services makes without a loss; see
// docs/decisions/0004-databricks-sdk.md.
type api struct{ sdk *client.DatabricksClient }

// do calls and decodes the answer into out, if given. The path is built of checked parts.
func (a api) do(ctx context.Context, method, path string, query map[string]any, body, out any) error {
	var request any
	if body != nil {
		raw, err := json.Marshal(body) // encoded here: the SDK's own types drop empty lists
		if err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
		request = json.RawMessage(raw)
	}
	var raw []byte
	if err := a.sdk.Do(ctx, method, path, nil, query, request, &raw); err != nil {
		return classify(err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		// Never an empty result: that would read as "nothing exists".
		return classify(wire.ErrUnexpectedAnswer)
	}
	return nil
}
