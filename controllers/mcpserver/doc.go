// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mcpserver runs the pods of each MCPServer and keeps them on the current
// access document, which it alone compiles.
//
//	inventory --access.Compile--> document --+--> ConfigMap --> pods touched --> kubelet syncs at once
//	                                      +--> status.access (the same value)
//	pods --second port--> hash, MCP handshake --> Ready
//
// Each server has a Role of its own, by which its pods ask whether the dependencies
// of their tools are there. Nothing waits for it.
//
// What revokes comes first: the ConfigMap is written and the pods are touched
// before anything that could be slow, and no pod is asked before that.
package mcpserver
