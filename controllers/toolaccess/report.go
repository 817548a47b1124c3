// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package toolaccess

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

func (adapter) Plan(want, _ state) (external.Plan[state], error) {
	return nil, cmp.Or(want.Invalid, want.Dangling)
}

// conditions say which cells a Boundary keeps closed.
func (adapter) conditions(in state) []metav1.Condition {
	var refusal *fault.Fault
	if len(in.Refused) > 0 {
		lines := make([]string, len(in.Refused))
		for i, r := range in.Refused {
			lines[i] = r.Role + ": " + r.Message
		}
		refusal = governed.Outside(in.Refused[0].Reason, strings.Join(lines, "; "))
	}
	return []metav1.Condition{governed.WithinBoundary("The Boundaries allow every cell", refusal), inForce(in)}
}

// inForce says which rules have ended.
func inForce(in state) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionRulesInForce, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonInForce, Message: "Every rule is in force"}
	if len(in.Ended) > 0 {
		lines := make([]string, len(in.Ended))
		for i, r := range in.Ended {
			lines[i] = fmt.Sprintf("the rule %s ended at %s", r.Name, r.Until.UTC().Format(time.RFC3339))
		}
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonRulesEnded, strings.Join(lines, "; ")+". A later `until` brings a rule back"
	}
	return c
}

func (adapter) Report(t *v1alpha1.ToolAccess, have state) {
	t.Status.Roles, t.Status.Cells, t.Status.NextEnd, t.Status.EndedRules = have.Roles, have.Cells, have.NextEnd, nil
	for _, r := range have.Ended {
		t.Status.EndedRules = append(t.Status.EndedRules, r.Name)
	}
	slices.Sort(t.Status.EndedRules)
}
