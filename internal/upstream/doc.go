// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package upstream is the HTTP transport between a server and one workspace:
// pooled connections, retries of what may be repeated, and a circuit breaker for
// each kind of endpoint, so that a dead dependency answers fast and a busy one is
// not asked more.
//
//	request --> breaker open? --yes--> OpenError, with when to come back
//	               |no
//	            attempt --> 429, 500, 502, 503, 504 or a lost connection?
//	               ^           |yes, and it may be repeated, and the deadline allows
//	               +-- wait ---+   full jitter, at least Retry-After
package upstream
