// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mcpproxy serves MCP servers that are behind connections, over Streamable HTTP.
// A caller gets the tools that a service selects and nothing else: no prompts, no
// resources, no progress of a call, and no way for the upstream to ask back or to get
// arguments in headers. Both sides are sessionless: every message opens its own session
// with the upstream, so what an upstream keeps for a session, such as a cursor, is gone
// with the answer. Whole numbers beyond 2^53 in structured results lose digits, as they
// do in the library.
package mcpproxy
