// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package devgithub

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
)

func TestAnswers(t *testing.T) {
	handler := Handler("secret")
	for _, c := range []struct {
		method, path, token string
		status, total       int
		first               string
	}{
		{"GET", "/search/repositories?q=deals", "secret", 200, 2, "example/pricing-model"},
		{"GET", "/search/repositories?q=deals+lakehouse", "secret", 200, 1, "example/deal-importer"},
		{"GET", "/search/repositories?q=deals&per_page=1&page=2", "secret", 200, 2, "example/deal-importer"},
		{"GET", "/search/repositories?q=nothing-like-it", "secret", 200, 0, ""},
		{"GET", "/search/repositories", "secret", 422, 0, ""},
		{"GET", "/search/code?q=margin+repo:example/pricing-model", "secret", 200, 1, "model/margin.py"},
		{"GET", "/repos/example/deal-importer", "secret", 200, 0, ""},
		{"GET", "/repos/example/none", "secret", 404, 0, ""},
		{"GET", "/rate_limit", "secret", 200, 0, ""},
		{"POST", "/repos/example/deal-importer/issues", "secret", 404, 0, ""},
		{"GET", "/rate_limit", "other", 401, 0, ""},
		{"GET", "/rate_limit", "", 401, 0, ""},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		var out struct {
			Total int `json:"total_count"`
			Items []struct {
				FullName string `json:"full_name"`
				Path     string `json:"path"`
			} `json:"items"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != c.status || out.Total != c.total {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
			continue
		}
		if c.first != "" && (len(out.Items) == 0 || out.Items[0].FullName+out.Items[0].Path != c.first) {
			t.Errorf("%s: %s", c.path, w.Body)
		}
	}
}
