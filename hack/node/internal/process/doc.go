// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package process starts the programs of an instance so that they outlive whoever started them, and finds and ends them again.
//
// A process is known by its number and the moment it started, so that a number given out anew is never mistaken for it.
package process
