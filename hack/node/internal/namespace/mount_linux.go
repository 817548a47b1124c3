// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"errors"

	"golang.org/x/sys/unix"
)

// mountPrivate makes a folder a mount point from which mounts do not spread.
func mountPrivate(dir string) error {
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return unix.Mount("", dir, "", unix.MS_PRIVATE, "")
}

// unmount takes a mount away at once, even while it is in use. One that has gone meanwhile is no error.
func unmount(point string) error {
	if err := unix.Unmount(point, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}
