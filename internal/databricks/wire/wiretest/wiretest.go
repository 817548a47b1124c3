// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wiretest holds what the tests of admin and of caller answer with.
package wiretest

import (
	"io"
	"net/http"
)

// Answers returns a handler that gives one answer.
func Answers(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// CutShort promises more than it sends.
func CutShort(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, body)
		panic(http.ErrAbortHandler)
	}
}
