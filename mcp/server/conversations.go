// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

// maxKeyFiles bounds what is read of the folder of keys.
const maxKeyFiles = 64

// keyring seals and opens what callers hand back, with the keys of a mounted Secret.
// Kubelet swaps the folder as a whole; keys that cannot be used leave the last good ones.
type keyring struct {
	dir     string
	log     *slog.Logger
	metrics *metrics
	current atomic.Pointer[seal.Keyring]

	mu      sync.Mutex // guards what follows
	seen    [sha256.Size]byte
	problem string
}

// watch takes up keys until ctx ends. They change once a day.
func (k *keyring) watch(ctx context.Context, every time.Duration) {
	if k.dir == "" {
		return
	}
	for tick := time.NewTicker(every); ; {
		k.reload()
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

func (k *keyring) reload() {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys, sum, err := readKeys(k.dir)
	if err == nil && sum == k.seen {
		return
	}
	var ring *seal.Keyring
	if err == nil {
		ring, err = seal.NewKeyring(keys)
	}
	if err != nil {
		if k.problem != err.Error() {
			k.problem = err.Error()
			k.metrics.keysProblem.Set(1)
			k.log.Error("Cannot use the sealing keys; those used before stay", "reason", k.problem, "sealing", k.current.Load() != nil)
		}
		return
	}
	k.seen, k.problem = sum, ""
	k.metrics.keysProblem.Set(0)
	k.current.Store(ring)
	k.log.Info("Sealing with the keys of the Secret", "keys", len(keys))
}

// readKeys reads the files of a folder; kubelet's own begin with two dots.
func readKeys(dir string) (map[string][]byte, [sha256.Size]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > maxKeyFiles {
		return nil, [sha256.Size]byte{}, errors.New("the folder of sealing keys cannot be read")
	}
	keys, sum := map[string][]byte{}, sha256.New()
	for _, e := range entries { // sorted by name
		if e.Name()[0] == '.' {
			continue
		}
		key, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || len(key) > 2*seal.KeySize {
			return nil, [sha256.Size]byte{}, errors.New("a sealing key cannot be read")
		}
		keys[e.Name()] = key
		sum.Write([]byte(e.Name() + "\x00"))
		sum.Write(key)
	}
	return keys, [sha256.Size]byte(sum.Sum(nil)), nil
}

// Seal returns "" while there are no keys: what cannot be handed back is not handed out.
func (k *keyring) Seal(payload []byte, holder []string, now, end time.Time) string {
	if ring := k.current.Load(); ring != nil {
		return ring.Seal(payload, holder, now, end)
	}
	return ""
}

// Open opens nothing while there are no keys.
func (k *keyring) Open(handle string, holder []string, now time.Time) ([]byte, error) {
	if ring := k.current.Load(); ring != nil {
		return ring.Open(handle, holder, now)
	}
	return nil, seal.ErrForeign
}
