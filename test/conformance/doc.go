// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package conformance runs the official conformance suites of MCP, in both eras of
// the protocol, against the fixture, which serves what they look for on the main
// port's own chain.
//
//	legacy.yml   release 0.1.16, revisions up to 2025-11-25
//	modern.yml   release 0.2.0-alpha.12, what revision 2026-07-28 requires
//
// The files name each scenario that does not pass and say why. A scenario that fails
// and is not named fails the test, and so does one that is named and passes.
//
// The suites are npm packages and need Node 22, which is one too: npm puts the
// versions of package.json into the user's cache folder, the first time they are
// needed. The suites test no authorization; the tests of mcp/server do.
package conformance
