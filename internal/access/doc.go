// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package access decides, without touching anything, who may call what.
//
//	ToolAccess + Roles + Namespaces + Tools  --Cells-->   the cells that say yes
//	cells + Tools                            --Needs-->   grants, warehouses and scopes of each role
//	cells + everything a pod must know       --Compile--> the access Document, and its hash
//
// The operator computes with it; the MCP server reads the Document it made.
//
// It knows no type of tool: it asks the ToolType that Estate.Types, which internal/tooltype
// implements, has for a Tool. A Tool of a type that is not known is not served and has no
// cells; Compile reports it.
package access
