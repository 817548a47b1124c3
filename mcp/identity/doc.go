// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package identity says who calls: request headers in, a verified caller out.
//
//	headers --> Authenticator --> Caller, or one of the errors of this package
//
// There is one file and one type for each pattern of an MCPServer. Federation is the
// pattern of today: the caller sends a JWT of its own identity provider.
//
//	bearer --> cached? --> signature --> times --> audience, client, type --> denied? --> role
//	              |       (the keys of                                                  |
//	              |        one policy)                                                  v
//	              +---- keys unchanged and fresh, times valid, not denied ---------> Caller
//
// Issuers makes the Federation of each access document, and keeps the keys that were
// fetched from an identity provider from one document to the next.
//
// The package knows no tools, no backends and no HTTP responses: the server turns its
// errors into answers.
package identity
