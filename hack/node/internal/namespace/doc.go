// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package namespace gives an instance a network and a mount namespace of its own. Both are kept alive by files in the state
// folder, so they outlast the process that made them; when the files are unmounted and the last process has ended, everything
// that was mounted or configured inside is gone with them.
package namespace
