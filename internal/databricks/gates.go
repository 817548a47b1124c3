// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// gates keep calls back that Databricks asked not to make for a while. What it says to
// one object's call holds for all: hundreds of others would ask the same endpoint
// meanwhile, and be refused each. The zero value is ready to use.
type gates struct{ until sync.Map }

// mostPatience is how long an answer can ask to be left alone: a broken one must not
// hold up revocations for days.
const mostPatience = 10 * time.Minute

var errLeftAlone = errors.New("Databricks asked for no more calls of this kind for a while") //nolint:staticcheck // a name

// pass says whether a call may be made, and otherwise when.
func (g *gates) pass(method, path string) error {
	v, ok := g.until.Load(gate(method, path))
	if !ok {
		return nil
	}
	until, _ := v.(time.Time) // only times are stored
	if left := time.Until(until); left > 0 {
		return fault.RateLimited(left, errLeftAlone)
	}
	return nil
}

// close remembers until when an answer asks to be left alone.
func (g *gates) close(method, path string, err error) {
	var a *answer
	if errors.As(err, &a) && a.retryAfter > 0 {
		g.until.Store(gate(method, path), time.Now().Add(a.retryAfter))
	}
}

// endpoints are what is limited by itself, as they stand in paths.
var endpoints = []string{
	"/scim/v2/ServicePrincipals", "/scim/v2/Groups", "/permissionassignments", "/federationPolicies",
	"/unity-catalog/permissions/", "/unity-catalog/schemas/", "/unity-catalog/tables/", "/unity-catalog/functions/", "/unity-catalog/connections/",
	"/permissions/", "/serving-endpoints/", "/sql/statements",
}

// gate names the endpoint of a call. Reads go on while writes are refused.
func gate(method, path string) string {
	path, _, _ = strings.Cut(path, "?")
	for _, e := range endpoints {
		if strings.Contains(path, e) {
			return method + " " + e
		}
	}
	return method + " " + path
}
