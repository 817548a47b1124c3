// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package coalesce makes one call serve many callers: Group for reads at the same time,
// Writes for changes of one object at the same time, and Cache for reads that accept a
// value of a certain age. It knows nothing about what is called.
package coalesce
