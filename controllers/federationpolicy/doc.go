// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package federationpolicy keeps one service principal federation policy for each
// Role that a FederationPolicy covers. Its id is a hash of installation, policy and
// role, so that a repeated create is a conflict and never a second policy; its
// description carries our mark, and a policy without it is not touched.
package federationpolicy
