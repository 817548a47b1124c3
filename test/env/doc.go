// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package env gives tests, the demo and the bench the real parts: a kube-apiserver with
// etcd, the Databricks emulator as a process of its own, and clients of the emulator and of
// the identity provider.
//
// Client, API, IdentityProvider, StartEmulator and StartControlPlane need no test: they take
// a context and return errors. The demo and the bench use these. Emulator, Cluster and the
// other functions that take a testing.TB are thin: they call the former, fail the test on an
// error, and clean up at its end.
package env
