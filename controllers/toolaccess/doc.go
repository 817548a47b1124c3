// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package toolaccess reports for each ToolAccess which cells of the matrix it opens and
// what of it is refused. It owns nothing and writes status alone: the matrix is compiled
// for each MCPServer.
package toolaccess
