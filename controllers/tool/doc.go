// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tool reports for each Tool whether it can be served. It owns nothing and
// writes status alone.
package tool
