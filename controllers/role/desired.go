// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Desired is pure.
func (adapter) Desired(in input) (state, error) {
	switch refusal := in.refusal(); {
	case refusal != nil && in.confined:
		return state{Wanted: wanted{Confined: refusal}}, nil
	case refusal != nil:
		return state{}, refusal
	}
	if in.adopting.unusable != nil {
		return state{}, in.adopting.unusable
	}
	out := state{owned: owned{Principal: &principal{DisplayName: in.displayName, Active: true}, Assigned: true}}
	out.Asked.Needs = in.needs
	if in.adopting.applicationID != "" {
		out.Principal, out.Wanted.Adopt = &principal{DisplayName: in.adopting.displayName, Adopted: true}, in.adopting.allowed
	}
	for _, g := range in.memberOf {
		mayCreate := slices.Contains(in.mayCreate, g)
		out.Groups = append(out.Groups, group{Name: g, Member: true, MayCreate: mayCreate, Adopt: in.adopts && mayCreate})
	}
	for _, g := range in.needs.Grants {
		out.Grants = append(out.Grants, g.Grant)
	}
	out.Trust, out.Wanted.KeepTrust = in.trust.wanted()
	out.Wanted.Unfinished = in.trust.unknown
	if out.Wanted.Unfinished == nil && len(in.refused) > 0 {
		out.Wanted.Unfinished = fault.Denied(v1alpha1.ReasonOutsideBoundary, errors.New(strings.Join(in.refused, "; ")))
	}
	return out, nil
}
