// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package databricks talks to Databricks: to the account and the workspace as
// the operator, and to the workspace as the owner of a token. It is the only
// importer of the Databricks SDK, and the only place that turns what Databricks
// answers into classes of faults. It speaks its own types, so that both binaries
// can use it.
package databricks
