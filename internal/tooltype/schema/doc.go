// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package schema checks and makes the input schemas of tools, for all types of tools.
package schema
