// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rules turns questions in English into SQL over tables that it is told of.
//
//	question -> words -> a request (measures, dimensions, filters, rank) -> SQL
//
// It knows no table and no question: names are matched against the columns, their
// comments and the tables at hand, and values against the rows that the caller may
// see. A word that means nothing there makes the whole question unclear, and the
// answer is then a question back. A question that refers to the answer before is
// put over it as a common table expression, or, when the answer before has not what
// it asks for, changes the request that was made then. The same question over the
// same tables and rows always has the same answer.
package rules
