// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package store keeps the emulator's state: typed collections of rows in one snapshot file.
//
// Change is a transaction over all collections. It holds the one lock of the store,
// writes the whole snapshot to a temporary file and renames it. A change that fails,
// because it returns an error or because the file cannot be written, leaves no trace
// in memory. A process that is killed at any point therefore restarts with every
// acknowledged change and with none that is half done. The file is not synced to the
// disk: a machine that loses power can lose the latest changes.
//
// There is one lock, so there is no lock order to keep between collections. Two rules
// remain: code that holds a transaction begins no other, and takes the store's lock
// last, after any lock of its own. The emulator's signing key is a collection too; the
// rows of SQL tables are not: they are in DuckDB's file.
package store
