// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package trust keeps federation policies of service principals: by which tokens
// somebody becomes one. The id of a policy is a hash of what it stands for, so that a
// repeated create is a conflict and never a second policy; its description carries
// our mark, and a policy without it is not touched.
package trust
