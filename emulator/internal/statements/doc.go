// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package statements serves the SQL statement execution API: it runs statements
// in the background, waits for them as long as the caller asks, and hands out
// results in chunks to whoever sent the statement.
package statements
