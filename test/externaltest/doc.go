// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package externaltest is for the tests of the kinds that write to Databricks. Run holds a
// Kind against the contract of internal/external: absent is zero, apply then plan is
// empty, twice is once, others' things stay, each error its class. World is the test world
// that such a kind is reconciled in.
//
// The package is in test and not in internal, because a World starts an API server and an
// emulator by test/env, which builds them with hack/node; the product's packages import
// neither.
package externaltest
