// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package datapolicy turns a DataPolicy into the functions and statements that
// carry it out on Databricks. It is pure.
//
//	spec, types of columns --Render--> functions, row filter, masks --statements--> SQL
//
// The name of a function contains a hash of all that it does and of the DataPolicy
// that it belongs to. So a changed rule is another function: it is made beside the old
// one and takes its place in one statement, and the table is never open in between.
//
// Nothing reaches SQL but through identifier, qualified, literal, number and sqlType,
// which refuse what could end the piece they make. They do not escape: whether
// a string literal takes a backslash or a doubled quote is a setting of the session,
// and text without either means the same in all of them.
package datapolicy
