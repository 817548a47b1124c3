// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
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

// Strikes are the faults that strike one call.
type Strikes struct {
	set    *Set
	faults []Fault
	cut    bool
	status int
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

// IDs names the faults.
func (k *Strikes) IDs() []string {
	var out []string
	for _, f := range k.faults {
		out = append(out, f.ID)
	}
	return out
}

// Status is what Before answered, 0 for a reset.
func (k *Strikes) Status() int { return k.status }

// Before strikes before the handler; it says whether the call is over.
func (k *Strikes) Before(w http.ResponseWriter, r *http.Request) bool {
	if k.cut {
		Reset(w)
		return true
	}
	for _, f := range k.faults {
		if f.Stage == BeforeCommit && k.strike(w, r, f, 0, nil) {
			return true
		}
	}
	return false
}

// After strikes between the handler and the reply; it says whether the call is over.
func (k *Strikes) After(w http.ResponseWriter, r *http.Request, status int, body []byte) bool {
	for _, f := range k.faults {
		if f.Stage == AfterCommit && k.strike(w, r, f, status, body) {
			return true
		}
	}
	for _, f := range k.faults {
		if f.Stage != AfterReply {
			continue
		}
		k.strike(w, r, f, status, body)
		k.set.mu.Lock()
		k.set.cut = true
		k.set.mu.Unlock()
	}
	return false
}

func (k *Strikes) strike(w http.ResponseWriter, r *http.Request, f Fault, status int, body []byte) bool {
	switch f.Action {
	case "status":
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		w.Header().Set("Content-Type", "application/json")
		k.status = f.Status
		w.WriteHeader(f.Status)
		_, _ = fmt.Fprintf(w, `{"error_code":%q,"message":"a fault of the emulator"}`, codeOf(f.Status))
		return true
	case "reset":
		Reset(w)
		return true
	case "delay":
		sleep(r.Context(), time.Duration(float64(f.DelayMS)*k.set.Scale)*time.Millisecond)
	case "html":
		w.Header().Set("Content-Type", "text/html")
		k.status = http.StatusOK
		_, _ = w.Write([]byte("<!DOCTYPE html><html><body>Sign in</body></html>"))
		return true
	case "body":
		w.Header().Set("Content-Type", "application/json")
		k.status = http.StatusOK
		_, _ = w.Write([]byte(f.Body))
		return true
	case "truncate":
		if body == nil {
			body = []byte(`{"`)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(max(status, http.StatusOK))
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		Reset(w)
		return true
	case "hook":
		post(r.Context(), f.HookURL, map[string]string{"fault": f.ID, "stage": f.Stage, "method": r.Method, "path": r.URL.Path})
	case "hold":
		k.set.hold(r, f)
	}
	if (f.Action == "hold" || f.Action == "hook") && f.Then == "reset" {
		Reset(w)
		return true
	}
	return false
}

func (s *Set) hold(r *http.Request, f Fault) {
	s.mu.Lock()
	s.next++
	h := &Hold{ID: "hold-" + strconv.Itoa(s.next), Fault: f.ID, Method: r.Method, Path: r.URL.Path, Stage: f.Stage, free: make(chan struct{})}
	s.holds[h.ID] = h
	close(s.change)
	s.change = make(chan struct{})
	s.mu.Unlock()
	// Not the request's context: a client that is killed meanwhile leaves the call held.
	<-h.free
}

// Reset ends the connection with a TCP reset.
func Reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	raw := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		raw = t.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = raw.Close()
}

func post(ctx context.Context, url string, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(raw))
	if err != nil {
		return
	}
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func codeOf(status int) string {
	switch status {
	case http.StatusTooManyRequests:
		return "REQUEST_LIMIT_EXCEEDED"
	case http.StatusServiceUnavailable:
		return "TEMPORARILY_UNAVAILABLE"
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	}
	return "INTERNAL_ERROR"
}
