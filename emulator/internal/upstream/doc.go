// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package upstream calls the services that connections of Unity Catalog lead to.
// The caller chooses method, path, parameters and headers; the address and the
// credential are the connection's, and neither the credential nor what it was
// exchanged for is ever in an answer or in an error.
package upstream
