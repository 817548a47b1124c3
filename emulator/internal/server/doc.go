// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package server puts the emulator together: one process, two hosts (the account
// console and a workspace), told apart by listener or by the Host header, and an
// admin port on which tests order faults and read what was called.
package server
