// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpproxy

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// answer keeps what a handler answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is that of http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader is that of http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write is that of http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// raw is the body, nil if there is none.
func (a *answer) raw() any {
	if a.body.Len() == 0 {
		return nil
	}
	return json.RawMessage(a.body.Bytes())
}
