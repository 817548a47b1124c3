// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Desired is pure.
func (adapter) Desired(in input) (state, error) {
	if in.outside != nil {
		return state{}, in.outside
	}
	seen := map[string]bool{}
	for _, l := range in.spec.RateLimits {
		s := subject(l)
		if seen[s] {
			return state{}, fault.Invalid(v1alpha1.ReasonInvalid, fmt.Errorf("`rateLimits` has two limits of %s: make them one with both `callsPerMinute` and `tokensPerMinute`", s))
		}
		seen[s] = true
	}
	return state{
		Endpoint: string(in.spec.EndpointName), Mark: in.mark, Settings: in.want, Roles: in.roles, Adopt: in.spec.Adoption == v1alpha1.AdoptionAdopt,
		Rival: in.rival, Unfinished: in.unfinished, Waiting: in.waiting,
	}, nil
}

// subject says in words whom a limit is of.
func subject(l v1alpha1.EndpointRateLimit) string {
	switch {
	case l.Role != nil:
		return "the role " + l.Role.Name
	case l.Group != "":
		return "the group " + string(l.Group)
	case l.EveryUser != nil:
		return "every user"
	}
	return "the endpoint"
}

// tagKey is the key of the tag that marks an endpoint as ours.
const tagKey = "gatehouse"

// longestMark is how long the value of a tag may be.
const longestMark = 255

// mark is the value of the tag of a ModelEndpoint.
func mark(installation, namespace, name string) string {
	full := installation + "/modelendpoint/" + namespace + "/" + name
	if len(full) <= longestMark {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	end := "--" + hex.EncodeToString(sum[:8])
	return full[:longestMark-len(end)] + end
}
