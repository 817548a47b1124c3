// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package demo runs the demo's scenario on a real node of its own, as `make demo`
// does, and then tries what the installation must not allow.
package demo
