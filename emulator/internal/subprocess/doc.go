// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package subprocess runs the program of a test a second time, as a process that the test
// kills. Tests of what is left after a kill use it; nothing else does.
package subprocess
