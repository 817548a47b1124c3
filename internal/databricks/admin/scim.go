// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"net/http"

	"github.com/databricks/databricks-sdk-go/service/iam"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// scimPage is one page of a list. The SDK's lists are not used: they make one call more
// than there are pages, and read an answer without totalResults, such as {}, as an empty
// list, which would say that nothing exists.
type scimPage[T any] struct {
	Resources []T  `json:"Resources"`
	Total     *int `json:"totalResults"`
}

func (c *Client) scimPage(ctx context.Context, kind string, query map[string]any, into any) error {
	path := "/api/2.0/accounts/" + c.account.sdk.ConfiguredAccountID() + "/scim/v2/" + kind
	return c.account.do(ctx, http.MethodGet, path, query, nil, into)
}

// mostPages ends a listing that a broken answer would keep going for ever.
const mostPages = 1000

// scimList reads all pages and keeps what has the value exactly: SCIM compares
// without regard to case.
func scimList[S iam.AccountServicePrincipal | iam.AccountGroup, T any](
	ctx context.Context, c *Client, kind, attribute, wanted string, convert func(S) T, value func(T) string,
) ([]T, error) {
	text, err := wire.SCIMText(wanted)
	if err != nil {
		return nil, err
	}
	var out []T
	err = scimPages(ctx, c, kind, attribute+" eq "+text, 100, func(one S) {
		if t := convert(one); value(t) == wanted {
			out = append(out, t)
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// scimPages reads all pages of a list. An empty filter lists everything.
func scimPages[S iam.AccountServicePrincipal | iam.AccountGroup](ctx context.Context, c *Client, kind, filter string, size int, each func(S)) error {
	for start, page := 1, 0; page < mostPages; page++ {
		var list scimPage[S]
		query := map[string]any{"startIndex": start, "count": size}
		if filter != "" {
			query["filter"] = filter
		}
		if err := c.scimPage(ctx, kind, query, &list); err != nil {
			return err
		}
		if list.Total == nil {
			return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
		}
		if len(list.Resources) == 0 && start <= *list.Total { // a page of what is there has something in it
			return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
		}
		for _, r := range list.Resources {
			each(r)
		}
		start += len(list.Resources)
		if len(list.Resources) == 0 || start > *list.Total {
			return nil
		}
	}
	return fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
}
