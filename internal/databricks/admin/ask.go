// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// exchangePause is how long to wait for a new federation policy to count.
const exchangePause = time.Second

// Ask runs a statement as a service principal one of whose federation policies accepts
// the subject token, with a token of the scope sql alone that is used for this and kept
// nowhere. A policy can take a moment to count: a refused exchange is repeated until
// ctx ends. Errors hold no token, and nothing that the service said.
func (c *Client) Ask(ctx context.Context, applicationID string, subject wire.Secret, r wire.StatementRequest) (*wire.StatementResult, error) {
	if _, err := wire.ObjectID(r.WarehouseID); err != nil {
		return nil, err
	}
	exchanger := caller.NewExchanger(c.endpoint.WorkspaceHost, c.plain)
	for {
		token, err := exchanger.Exchange(ctx, caller.ExchangeRequest{SubjectToken: subject, ClientID: applicationID, Scopes: []string{"sql"}})
		if err == nil {
			return caller.NewStatements(c.endpoint.WorkspaceHost, c.plain).Execute(ctx, token.AccessToken, r)
		}
		var refused *caller.ExchangeError
		if !errors.As(err, &refused) || refused.Status >= 500 || refused.Status == 429 || refused.Code == "invalid_scope" {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(exchangePause):
		}
	}
}
