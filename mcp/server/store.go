// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// maxDocumentBytes bounds the access document; a ConfigMap holds less.
const maxDocumentBytes = 2 << 20

// store holds what is served: the last access document that could be used,
// made ready. Reading it takes no lock.
type store struct {
	dir     string
	log     *slog.Logger
	metrics *metrics
	build   func(access.Document) (*snapshot, error)
	swapped func(old, current *snapshot)

	current atomic.Pointer[snapshot]
	mu      sync.Mutex // guards what follows; reload holds it throughout
	seen    [sha256.Size]byte
	problem string
}

// problemText says what is wrong with the file at the moment, or "".
func (s *store) problemText() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem
}

// watch reloads until ctx ends. The file is a ConfigMap volume, which kubelet
// swaps by a symbolic link; reading a few kilobytes is cheaper than being wrong
// about how the swap shows in a notification.
func (s *store) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s.reload()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// reload reads the file and, if it changed and can be used, serves it from now
// on. A file that cannot be used leaves the last good document in place.
func (s *store) reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, err := readBounded(filepath.Join(s.dir, access.DocumentKey))
	if err != nil {
		s.fail(err)
		s.seen = [sha256.Size]byte{}
		return
	}
	sum := sha256.Sum256(raw)
	if sum == s.seen {
		return
	}
	s.seen = sum
	next, err := s.load(raw)
	if err != nil {
		s.fail(err)
		return
	}
	s.problem = ""
	s.metrics.documentProblem.Set(0)
	old := s.current.Swap(next)
	if old != nil && old.doc.Hash == next.doc.Hash {
		return
	}
	s.log.Info("Serving an access document", "hash", next.doc.Hash, "roles", len(next.doc.Roles), "tools", len(next.doc.Tools))
	s.metrics.documentLoads.Inc()
	if s.swapped != nil {
		s.swapped(old, next)
	}
}

func (s *store) fail(err error) {
	if s.problem == err.Error() {
		return
	}
	s.problem = err.Error()
	s.metrics.documentErrors.Inc()
	s.metrics.documentProblem.Set(1)
	s.log.Error("Cannot use the access document; what was served before stays", "reason", s.problem, "serving", s.current.Load() != nil)
}

// load decodes and checks a document, and makes it ready to be served.
func (s *store) load(raw []byte) (*snapshot, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var doc access.Document
	if err := dec.Decode(&doc); err != nil {
		return nil, errors.New("the access document is not JSON of the expected shape")
	}
	if dec.More() {
		return nil, errors.New("the access document has something after its end")
	}
	if doc.Version != access.DocumentVersion {
		return nil, fmt.Errorf("the access document has version %d; this server reads version %d", doc.Version, access.DocumentVersion)
	}
	sealed, err := doc.Seal()
	if err != nil || sealed.Hash != doc.Hash {
		return nil, errors.New("the hash of the access document does not fit its content")
	}
	return s.build(doc)
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, errors.New("the access document is missing")
		}
		return nil, errors.New("the access document cannot be read")
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, maxDocumentBytes+1))
	if err != nil {
		return nil, errors.New("the access document cannot be read")
	}
	if len(raw) > maxDocumentBytes {
		return nil, fmt.Errorf("the access document is larger than %d bytes", maxDocumentBytes)
	}
	return raw, nil
}
