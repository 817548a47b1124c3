// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package genie

import (
	"slices"
	"strconv"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

const (
	// defaultPage is how many entries a page has unless the caller asks for fewer; real sizes are not documented.
	defaultPage = 20
	// maxPage is how many it has at most.
	maxPage = 100
)

// known refuses query parameters that the emulator would ignore.
func known(r *wire.Request, names ...string) error {
	for k := range r.URL.Query() {
		if !slices.Contains(names, k) {
			return notImplemented("the query parameter " + strconv.Quote(k))
		}
	}
	return nil
}

// page cuts a list to what page_size and page_token ask for. The last page has no next_page_token.
func page(r *wire.Request, key string, list []any) (any, error) {
	size, from := defaultPage, 0
	var err error
	if raw := r.URL.Query().Get("page_size"); raw != "" {
		if size, err = strconv.Atoi(raw); err != nil || size < 0 {
			return nil, wire.BadParameter("page_size must be a number that is not negative")
		}
		if size == 0 {
			size = defaultPage
		}
	}
	if raw := r.URL.Query().Get("page_token"); raw != "" {
		if from, err = strconv.Atoi(raw); err != nil || from < 0 {
			return nil, wire.BadParameter("page_token is not one that was handed out")
		}
	}
	from = min(from, len(list))
	end := min(from+min(size, maxPage), len(list))
	out := map[string]any{}
	if end > from {
		out[key] = list[from:end]
	}
	if end < len(list) {
		out["next_page_token"] = strconv.Itoa(end)
	}
	return out, nil
}
