// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package lockfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// retry is how often a lock held elsewhere is tried again.
const retry = 200 * time.Millisecond

// Acquire locks the file at path, creating it, and returns what unlocks it. When another process holds the lock it calls
// waiting once and tries until ctx ends, then returns the context's error. The file stays: removing it would let two
// processes lock two files of the same name.
func Acquire(ctx context.Context, path string, waiting func()) (func() error, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return file.Close, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		if first && waiting != nil {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, ctx.Err()), file.Close())
		case <-time.After(retry):
		}
	}
}
