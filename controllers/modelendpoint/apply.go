// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Apply writes one step.
func (adapter) Apply(ctx context.Context, in input, have state, s external.Step[state]) (state, error) {
	name := s.Want.Endpoint
	if s.Want.Mark != "" {
		if s.Verb == external.Delete {
			if err := in.client.UntagEndpoint(ctx, name, tagKey); err != nil {
				return have, err
			}
			have.Mark = ""
			return have, nil
		}
		if err := in.client.TagEndpoint(ctx, name, tagKey, s.Want.Mark); err != nil {
			return have, err
		}
		have.Mark = s.Want.Mark
		return have, nil
	}
	if s.Want.Next != "" {
		if err := awaits(ctx, in.client, s.Want.Next); err != nil {
			return have, err
		}
	}
	err := in.client.ChangeGateway(ctx, name, func(e admin.GatewayEndpoint) (admin.Gateway, error) {
		if m := e.Tags[tagKey]; m != in.mark && (s.Verb != external.Delete || m != "") {
			return nil, fault.Conflict(v1alpha1.ReasonConflict, fmt.Errorf("the mark of the serving endpoint %s has become %q: it is not touched", name, m))
		}
		return changed(e.Gateway, s.Want.Settings, s.Want.Gone), nil
	})
	if err != nil {
		return have, err
	}
	*in.placed = append(*in.placed, records(s.Want)...)
	have.Settings = maps.Clone(have.Settings)
	for _, g := range s.Want.Gone {
		delete(have.Settings, g)
	}
	for n, v := range s.Want.Settings {
		if have.Settings == nil {
			have.Settings = settings{}
		}
		have.Settings[n] = v
	}
	have.Recorded = append(slices.Clone(have.Recorded), records(s.Want)...)
	return have, nil
}

// awaits says why payload logging would not come on again where it is to be moved: it is
// not turned off then.
func awaits(ctx context.Context, c Databricks, next string) error {
	var t table
	if err := json.Unmarshal([]byte(next), &t); err != nil {
		return fmt.Errorf("read where payload logging is moved: %w", err)
	}
	schema := t.Catalog + "." + t.Schema
	there, err := c.SchemaExists(ctx, schema)
	if err == nil && !there {
		err = fault.Waiting(v1alpha1.ReasonSecurableNotFound, fmt.Errorf("payload logging stays where it is: the schema %s does not exist, or the operator may not see it", schema))
	}
	return err
}

// records are the entries of the ownership record for the settings of a step.
func records(s state) []v1alpha1.AppliedSetting {
	var out []v1alpha1.AppliedSetting
	for name := range s.Settings {
		out = append(out, v1alpha1.AppliedSetting{Name: name, Role: s.Roles[name]})
	}
	return out
}
