// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/datapolicy"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// intend records a function before it is made, and a place before it is taken.
func (adapter) intend(p *v1alpha1.DataPolicy, _ state, s external.Step[state]) {
	if s.Verb == external.Delete {
		return
	}
	for _, f := range s.Want.Functions {
		p.Status.Functions = sortedNames(append(slices.Clone(p.Status.Functions), f.Name))
	}
	for _, w := range s.Want.Places {
		p.Status.Applied = sortedRecords(append(slices.Clone(p.Status.Applied), w.record()))
	}
}

// Apply writes one step.
func (adapter) Apply(ctx context.Context, in input, have state, s external.Step[state]) (state, error) {
	statement, err := statement(s)
	if err != nil {
		return have, err
	}
	if err := in.client.RunStatement(ctx, string(in.policy.Spec.WarehouseID), statement); err != nil {
		return have, err
	}
	for _, p := range s.Want.Places {
		if s.Verb != external.Delete {
			*in.attached = append(*in.attached, p.record())
		}
	}
	have = have.without(s.Want)
	if s.Verb != external.Delete {
		have.Places = append(have.Places, s.Want.Places...)
		have.Functions = append(have.Functions, s.Want.Functions...)
		have.sort()
	}
	return have, nil
}

// statement is a step as SQL.
func statement(s external.Step[state]) (string, error) {
	if len(s.Want.Functions) > 0 {
		f := s.Want.Functions[0]
		if s.Verb == external.Delete {
			return datapolicy.DropFunction(f.Name)
		}
		return datapolicy.CreateFunction(f.Function)
	}
	p := s.Want.Places[0]
	if s.Verb == external.Delete {
		return datapolicy.Detach(s.Want.Table, p.Column)
	}
	return datapolicy.Attach(s.Want.Table, p.Attachment)
}

// changedBy is the last change of the function that a step is about, or of the table. A
// function that is gone has none.
func (adapter) changedBy(have state, s external.Step[state]) (who string, at time.Time) {
	c := have.Changed
	if len(s.Want.Functions) > 0 {
		c = admin.Change{}
		if f := named(have.Functions, s.Want.Functions[0].Name); f != nil {
			c = f.Changed
		}
	}
	return c.By, c.At
}
