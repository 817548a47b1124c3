// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package unitycatalog

import (
	"slices"
	"strconv"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// known refuses query parameters that the emulator would ignore.
func known(r *wire.Request, names ...string) error {
	for k := range r.URL.Query() {
		if !slices.Contains(names, k) {
			return &wire.Error{Status: 501, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement the query parameter " + strconv.Quote(k) + " of " + r.URL.Path}
		}
	}
	return nil
}

// page cuts a list of principals: 0 is a page of the server's choice, and absent is all.
func page(r *wire.Request, all []any) ([]any, string, error) {
	raw := r.URL.Query().Get("max_results")
	if raw == "" {
		return all, "", nil
	}
	size, err := strconv.Atoi(raw)
	if err != nil || size < 0 || size > 0 && size < 150 {
		return nil, "", wire.BadParameter("max_results must be 0 or at least 150")
	}
	if size = min(size, 1000); size == 0 {
		size = 1000
	}
	return cut(r, all, size)
}

// cut is the page of a size that the token of a request begins, with the next token.
func cut(r *wire.Request, all []any, size int) ([]any, string, error) {
	start := 0
	if token := r.URL.Query().Get("page_token"); token != "" {
		var err error
		if start, err = strconv.Atoi(token); err != nil || start < 0 || start > len(all) {
			return nil, "", wire.BadParameter("page_token is not valid")
		}
	}
	end := min(start+size, len(all))
	if end == len(all) {
		return all[start:end], "", nil
	}
	return all[start:end], strconv.Itoa(end), nil
}

// listed is the page of a list that a request asks for, under the name of a field.
func listed(r *wire.Request, field string, all []any) (any, error) {
	some, next, err := page(r, all)
	if err != nil {
		return nil, err
	}
	return pageBody(field, some, next), nil
}

func pageBody(field string, some []any, next string) map[string]any {
	out := map[string]any{field: some}
	if next != "" {
		out["next_page_token"] = next
	}
	return out
}
