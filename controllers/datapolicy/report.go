// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// conditions say whether the Boundary allows what is asked for.
func (adapter) conditions(in input) []metav1.Condition {
	return []metav1.Condition{governed.WithinBoundary("The Boundary allows what is asked for", in.outside)}
}

// Report fills in the status from what was observed. Where the target was refused, nothing was
// observed and the records stay.
func (adapter) Report(p *v1alpha1.DataPolicy, have state) {
	if have.Target.Refused != nil {
		return
	}
	var attached, applied []v1alpha1.AttachedFunction
	for _, o := range have.Places {
		if o.Ours {
			attached = append(attached, o.record())
		}
	}
	var functions []string
	for _, f := range have.Functions {
		if f.Marked || f.Recorded {
			functions = append(functions, f.Name)
		}
	}
	// A record of what is still wanted stays: the response to its statement may have been lost.
	applied = slices.Clone(attached)
	for _, r := range p.Status.Applied {
		if slices.ContainsFunc(have.Target.Places, func(w place) bool { return w.record() == r }) {
			applied = append(applied, r)
		}
	}
	for _, f := range p.Status.Functions {
		if named(have.Target.Functions, f) != nil {
			functions = append(functions, f)
		}
	}
	p.Status.Attached, p.Status.Applied, p.Status.Functions = sortedRecords(attached), sortedRecords(applied), sortedNames(functions)
}

func sortedNames(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func sortedRecords(list []v1alpha1.AttachedFunction) []v1alpha1.AttachedFunction {
	slices.SortFunc(list, func(a, b v1alpha1.AttachedFunction) int {
		return strings.Compare(a.Column+" "+a.Function, b.Column+" "+b.Function)
	})
	return slices.Compact(list)
}

// remaining is what is at the table, the functions, and the temporary federation policies that could
// not be deleted.
func (adapter) remaining(p *v1alpha1.DataPolicy) (workspace string, lines []string) {
	for _, a := range p.Status.Applied {
		if a.Column == "" {
			lines = append(lines, fmt.Sprintf("row filter of %s: %s", p.Spec.Table, a.Function))
			continue
		}
		lines = append(lines, fmt.Sprintf("mask of the column %s of %s: %s", a.Column, p.Spec.Table, a.Function))
	}
	for _, f := range p.Status.Functions {
		lines = append(lines, "function "+f)
	}
	for _, a := range p.Status.Probes {
		lines = append(lines, fmt.Sprintf("temporary federation policy %s of the service principal %s, which admits the operator", a.PolicyID, a.PrincipalID))
	}
	return p.Spec.WorkspaceRef.Name, lines
}
