// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tooltype has the types of tools that the operator knows, one package each:
//
//	access            declares the interface ToolType and asks it; knows no type
//	  ^
//	tooltype/<type>   implements it: check, needs, input schema, compile
//	  ^
//	tooltype          lists the types; internal/estate hands the list to access.Estate
//
// So access imports nothing of tooltype, and no other code of the operator has a switch over
// types. A tool of a type that is not listed is not served, has no cells and no grants, and
// is reported as such.
package tooltype
