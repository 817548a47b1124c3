// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestTheClientsShareTheirConnectionsAndDifferInPatience(t *testing.T) {
	c, err := backendClients("", newMetrics())
	if err != nil {
		t.Fatal(err)
	}
	if c.Standard.Timeout != 35*time.Second || c.Long.Timeout != 120*time.Second {
		t.Errorf("the clients wait %v and %v", c.Standard.Timeout, c.Long.Timeout)
	}
	if c.Standard.Transport != c.Long.Transport {
		t.Error("the clients do not share their connections and breakers")
	}
	hops := 0
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hops++
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer away.Close()
	for _, client := range []*http.Client{c.Standard, c.Long} {
		res, err := client.Get(away.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusFound {
			t.Errorf("a redirect was followed to %d", res.StatusCode)
		}
	}
	if hops != 2 {
		t.Errorf("%d requests were made", hops)
	}
}
