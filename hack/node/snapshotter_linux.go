// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import "golang.org/x/sys/unix"

// snapshotter returns how containerd can stack layers in that folder. Overlays cannot lie on an overlay, which is what the
// folder is inside a container.
func snapshotter(dir string) string {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err == nil && stat.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return "native"
	}
	return "overlayfs"
}
