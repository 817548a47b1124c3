// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package faults holds the operator, all controllers in one manager, against a
// Databricks that fails: answers that are lost, late, cut short, of another kind or
// not about what was asked. Each case has an emulator, a Workspace and a namespace of
// its own, so that the cases run beside one another on one API server.
package faults
