// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/calllog"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/faults"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/identity"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/serving"
)

// longestWait bounds a long poll.
const longestWait = 60 * time.Second

// admin is the port of tests.
type admin struct {
	faults    *faults.Set
	calls     *calllog.Log
	directory *identity.Store
	genie     http.Handler
	// endpoints tell of the rows that they could not log.
	endpoints *serving.Service
}

func (a admin) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("POST /admin/faults", a.addFault)
	mux.HandleFunc("GET /admin/faults", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, a.faults.List()) })
	mux.HandleFunc("DELETE /admin/faults", func(w http.ResponseWriter, r *http.Request) {
		a.faults.Remove(r.URL.Query().Get("id"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /admin/release", func(w http.ResponseWriter, r *http.Request) {
		a.faults.Release(r.URL.Query().Get("id"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /admin/holds", func(w http.ResponseWriter, r *http.Request) {
		seconds, _ := strconv.Atoi(r.URL.Query().Get("wait")) // absent is 0: do not wait
		send(w, http.StatusOK, a.faults.Holds(r.Context(), min(time.Duration(seconds)*time.Second, longestWait)))
	})
	mux.HandleFunc("GET /admin/calls", func(w http.ResponseWriter, r *http.Request) {
		since, _ := strconv.ParseInt(r.URL.Query().Get("since"), 10, 64) // absent is 0: all
		send(w, http.StatusOK, a.calls.Since(since))
	})
	mux.HandleFunc("DELETE /admin/calls", func(w http.ResponseWriter, _ *http.Request) {
		a.calls.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /admin/unlogged", func(w http.ResponseWriter, _ *http.Request) {
		rows, total := a.endpoints.Unlogged()
		send(w, http.StatusOK, map[string]any{"total": total, "rows": rows})
	})
	mux.HandleFunc("PUT /admin/lag", a.setLag)
	mux.Handle("POST /admin/genie", a.genie)
	mux.HandleFunc("GET /admin/state", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, a.directory.Dump()) })
	return mux
}

// setLag has SCIM reads see what is created from then on only after a while.
func (a admin) setLag(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Millis int `json:"ms"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Millis < 0 {
		send(w, http.StatusBadRequest, map[string]string{"error": "ms must be a number of milliseconds"})
		return
	}
	a.directory.Lag(time.Duration(float64(in.Millis)*a.faults.Scale) * time.Millisecond)
	w.WriteHeader(http.StatusNoContent)
}

func (a admin) addFault(w http.ResponseWriter, r *http.Request) {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	var f faults.Fault
	if err := dec.Decode(&f); err != nil {
		send(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	id, err := a.faults.Add(f)
	if err != nil {
		send(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	send(w, http.StatusCreated, map[string]string{"id": id})
}

func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
