// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package server serves governed tools over MCP.
//
//	main port                                                second port
//	 limits > host > origin > strip > identity > gate > MCP   probes, health, metrics,
//	                                    |                      the operator's questions
//	                        caller, role, matrix
//	                                    |
//	                        exchange > executor (mcp/tools)
//
// Package mcp/identity decides who calls, and this package turns its errors into answers.
// Every decision is taken from one access document, swapped atomically when the
// mounted file changes. The server is stateless: any replica answers any request.
// The JWT of a caller goes to the Databricks token endpoint and nowhere else, and
// the pod has no Databricks credential to fall back to: the one by which it asks for
// the health of dependencies (mcp/health) is out of reach of tools, and reads no data.
package server
