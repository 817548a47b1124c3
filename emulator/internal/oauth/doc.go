// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package oauth is the emulator's authorization server: host metadata, discovery,
// JWKS and the token endpoints of the account and the workspace. A token exchange
// really verifies the JWT: signature against the issuer's keys, times, audience
// and subject against the service principal's policies.
package oauth
