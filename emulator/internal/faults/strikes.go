// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Strikes are the faults that strike one call.
type Strikes struct {
	set    *Set
	faults []Fault
	cut    bool
	status int
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
