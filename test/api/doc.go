// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package api holds the examples in hack/valid-examples and hack/invalid-examples
// against a real API server, and the schemas against the examples.
//
//	hack/invalid-examples/<kind>/<rule in words>.yaml  begins with "# refused: <message>"
//	hack/valid-examples/<kind>/<rule in words>.yaml    the same but for one field, and accepted
//	hack/valid-examples/<kind>/{minimal,maximal}.yaml  the least and the most that can be written
//
// A file of two documents is an update: the first is created, and the second, which
// is the one that is refused, replaces it. A rule without a refused example fails the
// tests, and so does a bound; bounds over 256 are tried with values made from the schema.
package api
