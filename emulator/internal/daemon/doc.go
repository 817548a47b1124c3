// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package daemon runs the emulator's programs: HTTP servers that start together, print
// where they are reached once they listen, and end on a signal.
package daemon
