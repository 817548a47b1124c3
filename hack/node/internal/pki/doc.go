// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pki makes the keys and certificates by which the parts of one cluster know each other: one authority, a certificate
// for each part, and the key pair that signs service account tokens. Keys are files that only their owner may read.
package pki
