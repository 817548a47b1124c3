// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package role keeps a service principal for each Role: its groups, its place in
// the workspace, and the grants that its tools need.
//
//	Role, ToolAccess, Tool, MCPServer --access.Needs--> desired --+
//	                                                               +--> plan --> writes
//	service principal found by id or mark --> observed ------------+
//
// The service principal carries the mark <installation>/role/<namespace>/<name> as
// its external id. What carries another mark, or none, is not ours and not touched.
//
// Grants go to Unity Catalog, or to the access control list of a warehouse, a Genie
// space or a serving endpoint, which keeps one level for each principal. Who may do
// more there than we grant is left alone, both when the grant is wanted and when it
// is not any more: the other level was given by somebody else.
//
// Tokens of a ServiceAccount count as the Role by one federation policy of the
// service principal, which has the cluster's keys in it. Its id is a hash of the
// Role, so that there is never a second one.
package role
