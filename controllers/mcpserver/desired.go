// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"cmp"
	"errors"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Desired is pure. The document, and with it the objects, follow from what Databricks says of
// the things that tools name: Plan fills them in from what was observed.
func (a adapter) Desired(in input) (state, error) {
	if in.refused != nil {
		return state{}, in.refused
	}
	out := state{Replicas: replicas(in.server), objects: func(d access.Document) ([]object, error) { return a.pods.objects(in.server, d, in.sealing) }}
	if in.unsealed != nil {
		out.Unfinished = fault.Transient(v1alpha1.ReasonCredentialNotFound, in.unsealed)
	}
	return out, nil
}

// completed returns a desired state with the document that was observed to be the one to serve.
func (s state) completed(have state) (state, error) {
	if s.objects == nil {
		return s, nil // nothing is desired
	}
	objects, err := s.objects(have.Document)
	s.Document, s.Objects, s.Unfinished = have.Document, objects, cmp.Or(unfinished(have.Omitted), s.Unfinished)
	return s, err
}

// unfinished turns what is left out into a fault, but for what is a Role's own
// affair: its conditions say it, and the server as such is complete.
func unfinished(omitted []access.Refusal) error {
	var lines []string
	reason := ""
	for _, r := range omitted {
		if r.Role != "" && r.Reason != v1alpha1.ReasonConflict {
			continue
		}
		if reason == "" {
			reason = r.Reason
		}
		lines = append(lines, r.Message)
	}
	err := errors.New(strings.Join(lines, "; "))
	switch reason {
	case "":
		return nil
	case v1alpha1.ReasonToolNotFound, v1alpha1.ReasonPolicyNotFound, v1alpha1.ReasonFunctionNotFound, v1alpha1.ReasonConnectionUnknown:
		return fault.Waiting(reason, err)
	}
	return fault.Conflict(reason, err)
}
