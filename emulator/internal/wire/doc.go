// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wire is what every endpoint of the emulator has in common: routes,
// who calls, the order of the checks, the shapes of errors, and the place where
// faults strike.
//
//	fault before commit -> bearer (401) -> audience -> scope (403) -> handler -> fault after commit -> reply
//
// A path that no route serves is answered with 501 and its name, never with an
// empty success.
package wire
