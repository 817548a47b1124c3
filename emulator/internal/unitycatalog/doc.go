// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package unitycatalog serves the REST side of Unity Catalog: grants and what exists.
package unitycatalog
