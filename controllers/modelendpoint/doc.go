// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package modelendpoint keeps the AI Gateway configuration of a serving endpoint as a
// ModelEndpoint declares it.
//
//	read --> mark the endpoint --> put in what is declared, keep all else --> write in one --> read again
//
// A configuration is a set of settings, each with a name: one rate limit, one guardrail.
// A ModelEndpoint owns those that it has set, by the record in its status, and only at
// an endpoint that carries its mark, a tag. Limits change in one write, so that none
// is open on the way from one to the next.
package modelendpoint
