// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fault classes errors by what they mean for a reconcile loop: who can
// end them, and how long to wait. Whoever knows the cause classes it; the loop
// turns the class into conditions, an event and a requeue, by one table.
package fault
