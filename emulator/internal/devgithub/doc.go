// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package devgithub answers a small part of the REST API of GitHub over a few
// repositories of its own, for demos and tests of connections: the search of
// repositories and of code, a repository, the rate limit. Every call needs the token.
// What is not answered is 404, as GitHub does it.
package devgithub
