// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wire holds what is below the calls: the operator's transport, with its limit, its
// fence and the pauses that Databricks asks for; checked names in paths; reasons and errors;
// the type for secrets; and statements as the API answers them. Packages admin and caller
// import it, and it imports neither of them nor the Databricks SDK.
package wire
