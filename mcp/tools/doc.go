// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tools runs governed tools. A tool is data from the access document;
// what this package holds is one executor for each type of tool and the one
// envelope that every answer has.
//
//	arguments --Definition.Check--> typed values --Executor.Run--> Output --> Envelope
//
// An executor acts as the caller's role and has nothing else to act as: it is
// given a Session, which holds that role's token, and no other credential.
package tools
