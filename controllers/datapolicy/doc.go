// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package datapolicy keeps the row filter and the column masks of a table as a
// DataPolicy declares them.
//
//	make the new function --> put it in the old one's place --> drop the old one
//
// A table that has a filter or a mask is never without one on the way from one spec
// to another: what is set replaces in one statement, and only then is anything taken away.
//
// Whether the groups that the rules name are seen where they run is found out by asking,
// as the service principal of a Role that is a member. That comes after the table is
// protected, in the background, and never holds a pass up.
//
// What is ours is known by the mark in a function's comment; of an existing function,
// which carries none, by the record of where it was put, written before it was.
package datapolicy
