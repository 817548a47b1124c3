// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Gates hold back calls that Databricks asked not to make for a while. A Retry-After in
// the response to one call holds for all calls to the same kind of endpoint: hundreds of
// others would otherwise be refused one by one. The zero value is ready to use.
type Gates struct{ until sync.Map }

// MaxRetryAfter bounds a Retry-After: a wrong one must not delay revocations for days.
const MaxRetryAfter = 10 * time.Minute

var errLeftAlone = errors.New("Databricks asked for no more calls of this kind for a while") //nolint:staticcheck // a name

// Pass returns a fault RateLimited with the remaining time while a call may not be made.
func (g *Gates) Pass(method, path string) error {
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

// Close holds back calls to the endpoint of this one for a time; 0 changes nothing.
func (g *Gates) Close(method, path string, retryAfter time.Duration) {
	if retryAfter > 0 {
		g.until.Store(gate(method, path), time.Now().Add(retryAfter))
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
