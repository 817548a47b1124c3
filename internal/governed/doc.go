// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package governed holds what every kind has in common whose objects live in a Workspace
// and within the Boundary of their namespace: how it signs in, whose management policy
// counts, what its WithinBoundary condition says, and which events concern it.
package governed
