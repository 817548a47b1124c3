// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package connection keeps a Unity Catalog connection to an HTTP service, and the MCP
// service over it, as a Connection declares them.
//
// What it made carries a mark in its comment; what it adopted is known by the id in
// status. Databricks never answers a credential: what was written last is known by a
// keyed fingerprint in status, which is cleared before each write, so that a write whose
// answer was lost is repeated. Secrets are read past the cache and never watched: rotation.go
// asks the API server for their versions, and has a Connection looked at whose Secret changed.
package connection
