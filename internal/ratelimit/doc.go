// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ratelimit counts calls in a sliding window, and says to the millisecond
// when the next one may come. A token bucket would let twice the limit through
// across the edge of a window; what is limited here counts in windows.
//
//	      |<----------- window ----------->|
//	--x---x------x--------x--------x-------now     5 of 5: the next may come
//	  out |      ^ leaves the window first,        when the oldest has left
//	      |        and says when
//
// Memory counts for one process. Redis counts for all that name the same server.
package ratelimit
