// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package when compiles and evaluates the conditions of ToolAccess rules: CEL
// expressions over who calls, with which arguments, which tool and when. The operator
// compiles them to refuse what cannot be used, and the MCP server to decide.
//
// Everything that is not a plain true is a no: an error, a missing key, a value of
// another type, too much work. What went wrong is told by a Problem, which never holds
// a value.
package when
