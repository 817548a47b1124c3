// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package env gives tests the real parts: a kube-apiserver with etcd, and the
// Databricks emulator as a process of its own.
package env
