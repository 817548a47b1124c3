// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package browser holds the MCP server against a real browser: a page of another site
// must not reach the tools in the name of a user, whatever the browser sends along.
//
//	Chromium --page of the server's own origin--> proxy --> MCP server: 200
//	Chromium --page of another site------------> proxy --> MCP server: 403
//	Chromium --name that was bound again-------> proxy --> MCP server: 403
//
// The tests carry the build tag e2e: they need Chromium, and `make test-e2e` runs them.
package browser
