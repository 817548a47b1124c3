// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package registry lists the types of tools that the pods run, and makes the executor of a
// tool with the clients of its type only.
//
//	tools            Executor, Definition, arguments, output, errors; knows no type
//	  ^
//	tools/<type>     one executor
//	  ^
//	tools/registry   lists them; mcp/server makes executors with it
//
// A tool of a type that is not listed cannot be made, and the access document that names it
// is not taken up.
package registry
