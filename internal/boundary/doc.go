// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package boundary decides whether a Boundary allows what a resource asks for. It
// is pure; the controllers ask it before any write to Databricks. Empty allows
// nothing, and exactly one Boundary must name a namespace.
//
// In patterns '*' stands for any characters, but never for a separator: a dot in
// the names of Unity Catalog objects, a slash in the names of servers. So
// `main.sales.*` takes in the tables of one schema and `main.*` only schemas.
package boundary
