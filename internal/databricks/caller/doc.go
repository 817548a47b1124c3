// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package caller calls one workspace as the owner of a token: it exchanges a caller's or a
// pod's token, keeps the exchanged ones, runs statements, and uses Genie, serving endpoints
// and vector search. It has no credential of its own and never imports package admin.
package caller
