// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sqlengine runs Databricks SQL on DuckDB, as a principal.
//
//	text --tokens--> dialect --DuckDB's parser--> syntax tree --secure--> tree --DuckDB--> rows
//
// Governance statements (CREATE, ALTER, GRANT, ...) have a parser of their own,
// because no engine reads them. A query is parsed by DuckDB, and its tree is
// rewritten before it runs: every table must be one of Unity Catalog's that the
// caller may read, and becomes a subquery with its row filter and column masks in
// place; every function must be on a list; the functions that say who is asking
// become constants. So identity lives in one statement and nowhere else, and what
// a caller cannot name in Unity Catalog it cannot reach.
package sqlengine
