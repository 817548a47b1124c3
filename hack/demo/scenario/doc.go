// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scenario is the demo as a library, so that a test can run the same thing.
//
//	cluster --> images --> emulator + identity provider --> operator --> sample
//	   --> every cell through MCP --> a new tenant --> a revocation --> another mask
//	   --> a grant that comes back --> a plan --> a refusal --> every cell without MCP
package scenario
