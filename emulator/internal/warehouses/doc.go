// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package warehouses serves SQL warehouses and who may use them.
package warehouses
