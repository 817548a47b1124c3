// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package admin calls the account and a workspace as the operator. It is the only
// importer of the Databricks SDK, and turns its errors into faults. It has its own types,
// so that nothing else depends on the SDK's.
package admin
