// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package node

// snapshotter is never asked where no node runs.
func snapshotter(string) string { return "" }
