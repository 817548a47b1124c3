// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/upstream"
)

// VectorSearch searches indexes in one workspace, as the owner of the token given
// with each call. It has no credential of its own, and is safe for concurrent use.
// The SDK is not used because it reads every cell as text, fails at the score, which
// is a number, and quotes the whole answer in its error.
type VectorSearch struct{ workspace }

// NewVectorSearch makes VectorSearch for a workspace host.
func NewVectorSearch(host string, client *http.Client) *VectorSearch {
	return &VectorSearch{newWorkspace(host, client)}
}

// VectorQuery is one search.
type VectorQuery struct {
	// Index is its full name.
	Index   string
	Columns []string
	Text    string
	// Type is ANN or HYBRID.
	Type    string
	Results int
	// Filters is a JSON object, or empty.
	Filters string
	// RequestID is sent along, to find the search in the logs.
	RequestID string
}

// VectorResult holds rows in the order of their ranking. A cell is text, a
// json.Number, a bool, nil, or a list or map of those.
type VectorResult struct {
	Columns []wire.ResultColumn
	Rows    [][]any
}

// cell keeps the digits of its numbers.
type cell struct{ value any }

func (c *cell) UnmarshalJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return dec.Decode(&c.value)
}

// Query searches. Errors are *CallError or that of ctx. A search changes nothing,
// so that one whose answer was lost is made again.
func (v *VectorSearch) Query(ctx context.Context, token wire.Secret, q VectorQuery) (*VectorResult, error) {
	index, err := wire.SecurableName(q.Index)
	if err != nil {
		return nil, &wire.CallError{Kind: wire.CallFailed, Code: "BAD_NAME"}
	}
	body := map[string]any{"columns": q.Columns, "query_text": q.Text, "query_type": q.Type, "num_results": q.Results}
	if q.Filters != "" {
		body["filters_json"] = q.Filters // text that holds JSON
	}
	var a struct {
		Manifest struct {
			Columns []struct {
				Name string `json:"name"`
				Type string `json:"type_text"`
			} `json:"columns"`
		} `json:"manifest"`
		Result struct {
			Data [][]cell `json:"data_array"`
		} `json:"result"`
	}
	c := call{v.workspace, token, q.RequestID}
	if err := c.do(upstream.Repeatable(ctx), http.MethodPost, "/api/2.0/vector-search/indexes/"+string(index)+"/query", body, &a); err != nil {
		return nil, err
	}
	if len(a.Manifest.Columns) == 0 {
		return nil, &wire.CallError{Kind: wire.CallUnavailable, Code: "BAD_RESULT", Status: http.StatusOK}
	}
	out := &VectorResult{Rows: make([][]any, len(a.Result.Data))}
	for _, col := range a.Manifest.Columns {
		out.Columns = append(out.Columns, wire.ResultColumn{Name: col.Name, Type: col.Type})
	}
	for i, row := range a.Result.Data {
		if len(row) != len(out.Columns) {
			return nil, &wire.CallError{Kind: wire.CallUnavailable, Code: "BAD_RESULT", Status: http.StatusOK}
		}
		out.Rows[i] = make([]any, len(row))
		for k, c := range row {
			out.Rows[i][k] = c.value
		}
	}
	return out, nil
}
