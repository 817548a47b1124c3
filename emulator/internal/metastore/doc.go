// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metastore is the emulator's Unity Catalog: what exists, who owns it, and who
// was granted what on it. The SQL engine and the REST API read and write the same
// store, so that a grant made in one is seen in the other.
package metastore
