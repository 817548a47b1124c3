// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package http

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// shaped makes rows of a JSON answer, at most as many as fit into most bytes.
func shaped(r access.HTTPRows, status int, text string, most int) (*tools.Output, error) {
	if status < 200 || status > 299 {
		return nil, remoteFailure(status)
	}
	document, ok := parse(text)
	var list []any
	if ok {
		list, ok = at(document, r.At).([]any)
	}
	if !ok {
		return nil, tools.Errorf(tools.CodeUpstreamError, "the external API answered HTTP %d in a form that this tool does not expect; the platform team must look at it", status)
	}
	out := &tools.Output{Columns: make([]tools.Column, len(r.Fields)), Rows: make([]map[string]any, len(list))}
	for i, entry := range list {
		row := make(map[string]any, len(r.Fields))
		for _, f := range r.Fields {
			row[f.Name] = tools.CleanValue(at(entry, f.At), tools.MaxForeignText)
		}
		out.Rows[i] = row
	}
	for i, f := range r.Fields {
		out.Columns[i] = tools.Column{Name: f.Name, Type: typeOf(out.Rows, f.Name)}
	}
	total := int64(len(list))
	if r.TotalAt != "" {
		if n, ok := at(document, r.TotalAt).(json.Number); ok {
			if counted, err := n.Int64(); err == nil && counted > total {
				total = counted
			}
		}
	}
	if n := tools.Fitting(out.Rows, most); n < len(out.Rows) {
		out.Rows, out.Truncated = out.Rows[:n], true
	}
	count := len(out.Rows)
	out.RowCount, out.TotalRows = &count, &total
	return out, nil
}

// remoteFailure says what a status means where rows are expected. The credential is the
// connection's: that it is refused is not about the caller.
func remoteFailure(status int) error {
	what := "refuses the request"
	switch {
	case status < 300:
		what = "gave no answer"
	case status < 400:
		what = "redirects elsewhere, which is not followed; the platform team must look at it"
	case status == 401, status == 403:
		what = "refuses the credential of its connection, which is not yours; the platform team must look at it"
	case status == 404:
		what = "has nothing there"
	case status == 429:
		what = "limits the rate of requests; try again later"
	case status >= 500:
		what = "is failing; try again later"
	}
	return tools.Errorf(tools.CodeUpstreamError, "the external API answered HTTP %d: it %s", status, what)
}

// typeOf is the JSON type of a column's values, or ANY.
func typeOf(rows []map[string]any, name string) string {
	out := ""
	for _, row := range rows {
		kind := "ANY"
		switch row[name].(type) {
		case nil:
			continue
		case string:
			kind = "STRING"
		case json.Number:
			kind = "NUMBER"
		case bool:
			kind = "BOOLEAN"
		}
		if out != "" && out != kind {
			return "ANY"
		}
		out = kind
	}
	if out == "" {
		return "ANY"
	}
	return out
}

var pointerEscapes = strings.NewReplacer("~1", "/", "~0", "~")

// at is what a JSON pointer (RFC 6901) points to; nil when there is nothing.
func at(v any, pointer string) any {
	if pointer == "" {
		return v
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = pointerEscapes.Replace(token)
		switch inner := v.(type) {
		case map[string]any:
			v = inner[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(inner) || strconv.Itoa(i) != token {
				return nil
			}
			v = inner[i]
		default:
			return nil
		}
	}
	return v
}
