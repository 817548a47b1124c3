// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wire holds the parts that admin and caller share: checked names in paths,
// reasons and errors, the type for secrets, endpoints that Databricks asked to leave alone
// for a while, and statements as the API answers them.
package wire
