// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package datapolicy keeps the row filter and the column masks of a table as a
// DataPolicy declares them.
//
//	create the new function --> attach it in place of the old one --> drop the old one
//
// A table that has a filter or a mask always keeps one on the way from one spec to
// another: an attachment is replaced in one statement, and only then is anything removed.
//
// The SQL depends on the types of the table's columns. So Desired is the declared spec, Observe
// renders it for the table as it is (state.Target), and Plan compares that with what exists.
//
// A function that the operator created carries a mark in its comment. An existing function carries
// none; it is known by the record in status, written before it is attached.
//
// Whether the groups of the rules are visible to the functions is the work of the package
// visibility, an auxiliary of the same loop.
package datapolicy
