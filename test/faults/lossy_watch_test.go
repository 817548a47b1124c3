// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"encoding/json"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
)

// event is what a watch tells of an object.
type event struct {
	// Type is ADDED, MODIFIED, DELETED or BOOKMARK.
	Type   string `json:"type"`
	Object struct {
		Metadata struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
	} `json:"object"`
}

// expired is how the API server ends a watch from whose version it can no longer tell
// what happened since: everything is listed again.
const expired = `{"type":"ERROR","object":{"apiVersion":"v1","kind":"Status","metadata":{},"status":"Failure","message":"too old resource version","reason":"Expired","code":410}}`

// deaf is a network on which watches of our kinds lose events. It is safe for concurrent use.
type deaf struct {
	mu sync.Mutex
	// loses says which events are lost; nil loses none.
	loses func(resource string, e event) bool
	lost  []event
	// open are the watches.
	open map[*watch]bool
}

// watch is one that goes through the network.
type watch struct {
	resource string
	*io.PipeReader
	told   *io.PipeWriter
	server io.ReadCloser
}

// lose has events lost from now on.
func (d *deaf) lose(which func(resource string, e event) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loses, d.lost = which, nil
}

// count is how many were lost since.
func (d *deaf) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.lost)
}

// hear loses no more, and ends watches: all of them, as their time limit does, or those
// of one resource, by telling that what was lost of it can no longer be told.
func (d *deaf) hear(resource string) {
	d.mu.Lock()
	d.loses = nil
	var all []*watch
	for w := range d.open {
		if resource == "" || w.resource == resource {
			all = append(all, w)
		}
	}
	d.mu.Unlock()
	for _, w := range all {
		if resource != "" {
			_, _ = w.told.Write([]byte(expired + "\n"))
		}
		_ = w.told.Close()
		_ = w.server.Close()
	}
}

// around is a transport by way of the network.
func (d *deaf) around(inner http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		res, err := inner.RoundTrip(r)
		if err != nil || r.URL.Query().Get("watch") == "" || !strings.HasPrefix(r.URL.Path, "/apis/gatehouse.dev/") || res.StatusCode != http.StatusOK {
			return res, err
		}
		w := &watch{resource: path.Base(r.URL.Path), server: res.Body}
		w.PipeReader, w.told = io.Pipe()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open[w] = true
		go d.tell(w)
		res.Body = w
		return res, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Close ends a watch.
func (w *watch) Close() error {
	_ = w.PipeReader.Close()
	return w.server.Close()
}

// tell passes on what is not lost.
func (d *deaf) tell(w *watch) {
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.open, w)
	}()
	for from := json.NewDecoder(w.server); ; {
		var raw json.RawMessage
		err := from.Decode(&raw)
		if err == nil && !d.losing(w.resource, raw) {
			_, err = w.told.Write(append(raw, '\n'))
		}
		if err != nil {
			_ = w.told.CloseWithError(err)
			return
		}
	}
}

func (d *deaf) losing(resource string, raw []byte) bool {
	var e event
	if json.Unmarshal(raw, &e) != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.loses == nil || !d.loses(resource, e) {
		return false
	}
	d.lost = append(d.lost, e)
	return true
}
