// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package vectorsearch serves Vector Search: endpoints, delta sync indexes over
// tables, and queries by text.
//
//	query text --Embed--> vector --+
//	source table's rows, as the index's owner --filters--> Embed(text column) --score--> nearest first
//
// An index is a table of Unity Catalog: it carries grants, and a caller needs USE
// CATALOG, USE SCHEMA and SELECT on it. Its rows are read from the source table at
// each query with the rights of the index's owner, so what the caller may see is
// decided by the grant on the index and by the filters of the query alone, as on
// Databricks, where row filters do not apply to indexes. A source table that has a
// row filter or a column mask is refused, then as now, rather than read past them.
//
// Embeddings are computed here from the text alone, so the same rows and the same
// question always give the same order and scores, without a model.
package vectorsearch
