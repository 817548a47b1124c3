// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package devidp is an OpenID Connect provider for development: it signs JWTs for
// people from a file, with custom claims, as a tenant of a hosted provider would.
// Discovery, keys and tokens are those of zitadel/oidc; the resource owner
// password grant, which OAuth 2.1 drops, is there so that a demo needs no browser.
package devidp
