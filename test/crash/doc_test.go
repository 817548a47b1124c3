// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package crash_test kills the real operator, a process of its own, with SIGKILL
// while Databricks holds one of its writes, starts another, and counts what is there.
//
//	operator --POST--> emulator: held before it takes effect, after it, or after the answer
//	   |                  |
//	 kill -9           released
//	   |                  |
//	operator' ----------> exactly one of everything, and nothing of others touched
package crash_test
