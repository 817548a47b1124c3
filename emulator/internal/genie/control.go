// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package genie

import (
	"net/http"
	"sync"
)

// Control ends messages for tests, as people and time do with the real service: the
// API has no call that cancels a message. Its zero value has no service.
type Control struct {
	mu sync.Mutex
	s  *Service
}

// Attach makes a service the one that is controlled.
func (c *Control) Attach(s *Service) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s = s
}

// ServeHTTP takes POST ?do=cancel, which ends all messages that are being answered as
// CANCELLED, and ?do=expire, which throws the results of all that are complete away.
func (c *Control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	s := c.s
	c.mu.Unlock()
	do := r.URL.Query().Get("do")
	if s == nil || do != "cancel" && do != "expire" {
		http.Error(w, "do must be cancel or expire", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conv := range s.conversations {
		for _, m := range conv.messages {
			switch {
			case do == "cancel" && !m.ended():
				m.cancel(errCancelled)
			case do == "expire" && m.status == statusCompleted && m.query != nil:
				m.query.expires = s.now()
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
