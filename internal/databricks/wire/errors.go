// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Reasons of the faults that calls to Databricks end with. They stand in conditions.
const (
	ReasonCredentialRefused   = "CredentialRefused"
	ReasonPermissionDenied    = "PermissionDenied"
	ReasonLimitReached        = "LimitReached"
	ReasonPrincipalNotVisible = "PrincipalNotVisible"
	ReasonSecurableNotFound   = "SecurableNotFound"
	ReasonRejected            = "Rejected"
	ReasonUnavailable         = "DatabricksUnavailable"
	ReasonUnexpectedAnswer    = "UnexpectedAnswer"
	ReasonAlreadyExists       = "AlreadyExists"
	ReasonNotFound            = "NotFound"
	// ReasonChanged: what was to be written has changed since it was read.
	ReasonChanged = "ChangedMeanwhile"
	// ReasonMCPServicesUnavailable: the workspace has no API for MCP services.
	ReasonMCPServicesUnavailable = "MCPServicesUnavailable"
	ReasonNotLeader              = "NotLeader"
	// ReasonEndpointBusy: a serving endpoint is being updated.
	ReasonEndpointBusy = "EndpointBusy"
)

// ErrUnexpectedAnswer is an answer that is not the JSON that was asked for.
var ErrUnexpectedAnswer = errors.New("Databricks answered with something that is not the JSON asked for") //nolint:staticcheck // a name

// CallKind says what an error of a call means for whoever made it.
type CallKind int

// The kinds of CallError.
const (
	// CallFailed: the request is wrong, or cannot be answered as it is.
	CallFailed CallKind = iota
	// CallUnauthenticated: the token is not accepted; nothing has run.
	CallUnauthenticated
	// CallDenied: the identity lacks a privilege, or the token a scope.
	CallDenied
	// CallRateLimited: too many requests.
	CallRateLimited
	// CallUnavailable: the service is failing or cannot be reached.
	CallUnavailable
)

// CallError is a call that gave no result. Its text holds neither what was asked
// nor what the service said about it, which may quote rows.
type CallError struct {
	Kind       CallKind
	Code       string
	SQLState   string
	Status     int
	RetryAfter time.Duration
}

func (e *CallError) Error() string {
	return fmt.Sprintf("call failed: %s (HTTP %d, SQLSTATE %q)", e.Code, e.Status, e.SQLState)
}

// Tidy cuts a text short and takes control characters out of it.
func Tidy(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return s
}
