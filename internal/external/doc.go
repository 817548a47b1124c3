// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package external is the one loop that keeps something outside the cluster as a
// resource declares it. A kind supplies an Adapter; the loop supplies the order.
//
//	gather --> desired --+
//	                     +--> plan --> apply each step --> observe again --> report
//	gather --> observe --+
//
// Deleting is planning towards the zero state. Status is written once, at the end
// of a pass; the one exception is an intent recorded before the write it covers.
// Two passes without a change in between write nothing.
package external
