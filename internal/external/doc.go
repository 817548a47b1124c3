// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package external is the one loop that keeps something outside the cluster as a
// resource declares it. A kind supplies a Kind: an Adapter and hooks. The loop supplies
// the order, and alone writes status, requeues and removes finalizers.
//
//	gather --> desired --+
//	                     +--> plan --> apply each step --> observe again --> report
//	gather --> observe --+
//
// Deleting is planning towards the zero state. Status is written once, at the end
// of a pass; the one exception is an intent recorded before the write it covers.
// Two passes without a change in between write nothing.
//
// In reading order: kind.go and adapter.go are all that a kind supplies, reconciler.go
// begins a pass, converge.go is its middle, and finish.go its end, which outcome.go
// decides.
package external
