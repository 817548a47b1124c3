// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package conditions sets and checks the conditions of resources: Ready as a
// summary, Reconciling and Stalled only while True, in the words of kstatus.
package conditions
