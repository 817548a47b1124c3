// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Stages at which a fault strikes.
const (
	// BeforeCommit: the handler has not run.
	BeforeCommit = "before_commit"
	// AfterCommit: the handler ran and nothing was answered.
	AfterCommit = "after_commit"
	// AfterReply: the reply is delivered, and from then on every call is refused until Release.
	AfterReply = "after_reply"
)

// Match says which calls a fault strikes.
type Match struct {
	// Method and Host (account or workspace) are compared when they are not empty.
	Method    string `json:"method,omitempty"`
	Host      string `json:"host,omitempty"`
	PathRegex string `json:"path_regex,omitempty"`
	// Nth is the first matching call that is struck, counted from 1, the default.
	Nth int `json:"nth,omitempty"`
	// Times is how many calls are struck from there. Default 1; -1 is all.
	Times int `json:"times,omitempty"`
}

// Fault is one way to fail.
type Fault struct {
	ID    string `json:"id,omitempty"`
	Match Match  `json:"match"`
	Stage string `json:"stage"`
	// Action is status, reset, delay, truncate, html, body, hold or hook.
	Action     string `json:"action"`
	Status     int    `json:"status,omitempty"`
	RetryAfter string `json:"retry_after,omitempty"`
	DelayMS    int    `json:"delay_ms,omitempty"`
	// Body is what body answers with 200, as JSON whatever it is.
	Body string `json:"body,omitempty"`
	// HookURL is posted to by hook, which waits for the answer.
	HookURL string `json:"hook_url,omitempty"`
	// Then says what happens after a hold or a hook: continue, the default, or reset.
	Then string `json:"then,omitempty"`

	pattern *regexp.Regexp
	seen    int
}

// Hold is a call that is being held.
type Hold struct {
	ID     string `json:"id"`
	Fault  string `json:"fault"`
	Method string `json:"method"`
	Path   string `json:"path"`
	Stage  string `json:"stage"`
	free   chan struct{}
}

// Set is the faults in force. It is safe for concurrent use.
type Set struct {
	// Scale multiplies delays; 1 is real time.
	Scale float64

	mu     sync.Mutex
	next   int
	faults []*Fault
	holds  map[string]*Hold
	cut    bool
	change chan struct{}
}

// New makes an empty Set.
func New(scale float64) *Set {
	return &Set{Scale: scale, holds: map[string]*Hold{}, change: make(chan struct{})}
}

// Add puts a fault in force and returns its id, or says what is wrong with it.
func (s *Set) Add(f Fault) (string, error) {
	if !slices.Contains([]string{BeforeCommit, AfterCommit, AfterReply}, f.Stage) {
		return "", fmt.Errorf("stage must be %s, %s or %s", BeforeCommit, AfterCommit, AfterReply)
	}
	if !slices.Contains([]string{"status", "reset", "delay", "truncate", "html", "body", "hold", "hook"}, f.Action) {
		return "", errors.New("action must be status, reset, delay, truncate, html, body, hold or hook")
	}
	if f.Action == "hook" && f.HookURL == "" || f.Action == "status" && (f.Status < 400 || f.Status > 599) {
		return "", errors.New("hook needs hook_url, status needs a status from 400 to 599")
	}
	if f.Stage == AfterReply && f.Action != "hook" && f.Action != "hold" {
		return "", errors.New("after_reply goes with hook or hold")
	}
	if f.Then == "" {
		f.Then = "continue"
	}
	if f.Then != "continue" && f.Then != "reset" {
		return "", errors.New("then must be continue or reset")
	}
	var err error
	if f.pattern, err = regexp.Compile(f.Match.PathRegex); err != nil {
		return "", fmt.Errorf("path_regex: %w", err)
	}
	f.Match.Nth, f.seen = max(f.Match.Nth, 1), 0
	if f.Match.Times == 0 {
		f.Match.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	if f.ID == "" {
		f.ID = "fault-" + strconv.Itoa(s.next)
	}
	s.faults = append(s.faults, &f)
	return f.ID, nil
}

// List returns the faults in force.
func (s *Set) List() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Fault, len(s.faults))
	for i, f := range s.faults {
		out[i] = *f
	}
	return out
}

// Remove takes a fault out of force; an empty id means all of them. Calls being held go on.
func (s *Set) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.DeleteFunc(s.faults, func(f *Fault) bool { return id == "" || f.ID == id })
}

// Release lets held calls go on, one by its id or all, and ends the refusal of
// calls after an after_reply fault.
func (s *Set) Release(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, h := range s.holds {
		if id == "" || k == id {
			close(h.free)
			delete(s.holds, k)
		}
	}
	s.cut = false
}

// Holds returns the calls being held; it waits for the first one for a while.
func (s *Set) Holds(ctx context.Context, wait time.Duration) []Hold {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		s.mu.Lock()
		out := make([]Hold, 0, len(s.holds))
		for _, h := range s.holds {
			out = append(out, *h)
		}
		change := s.change
		s.mu.Unlock()
		if len(out) > 0 {
			return out
		}
		select {
		case <-ctx.Done():
			return out
		case <-timer.C:
			return out
		case <-change:
		}
	}
}

// Match counts a call and returns what strikes it.
func (s *Set) Match(host, method, path string) *Strikes {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &Strikes{set: s, cut: s.cut}
	for _, f := range s.faults {
		m := f.Match
		if m.Method != "" && m.Method != method || m.Host != "" && m.Host != host || !f.pattern.MatchString(path) {
			continue
		}
		f.seen++
		if f.seen >= m.Nth && (m.Times < 0 || f.seen < m.Nth+m.Times) {
			out.faults = append(out.faults, *f)
		}
	}
	return out
}
