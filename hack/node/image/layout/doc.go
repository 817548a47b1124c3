// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package layout builds minimal container images out of static programs: nothing in them but the programs, the accounts
// file and the host's certificate authorities. The same input gives the same bytes.
package layout
