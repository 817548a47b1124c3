// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package boundary registers the namespaces that a Boundary names: it pins the UID
// that it sees first. A namespace that somebody else deleted and created again gets
// nothing until an administrator accepts it. It owns nothing and writes status alone.
package boundary
