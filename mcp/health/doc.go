// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package health asks whether what the tools of a server depend on answers, as the
// server itself: with the pod's projected token, exchanged for one of the server's
// own service principal, which may see the dependencies and read nothing.
//
//	GET /health --> last known, at once or after a second at most
//	         \
//	          +--> a round, at most every 30 s: token --> exchange --> every dependency
//
// It is apart from everything that callers can reach: tools neither import it nor are
// handed anything that leads to it, and it has connections' retries and breakers for
// itself. Nobody's readiness depends on it.
package health
