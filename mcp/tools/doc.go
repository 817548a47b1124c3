// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tools runs governed tools. A tool is data from the access document; this package
// has everything that all types of tools share: arguments, errors, and the one envelope that
// every answer has. Each type has an executor in a package of its own, and tools/registry
// lists them.
//
//	arguments --Definition.Check--> typed values --Executor.Run--> Output --> Envelope
//
// An executor acts as the caller's role and has nothing else to act as: a call brings a
// Session, which holds that role's token, and no other credential.
package tools
