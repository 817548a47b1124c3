// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package workspace reports for each Workspace whether the operator's credential works
// there, and what it can do. It writes nothing to Databricks.
package workspace
