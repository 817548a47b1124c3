// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lockfile lets processes take turns by locking a file. A lock ends with the process that holds it, however that ends.
package lockfile
