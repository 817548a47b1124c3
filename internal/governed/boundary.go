// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package governed

import (
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Denied is the fault of a namespace that may ask for nothing; nil of one that may.
func Denied(d *boundary.Denial) *fault.Fault {
	if d == nil {
		return nil
	}
	return Outside(d.Reason, d.Message)
}

// Outside is the fault of asking for more than a Boundary allows, or than it allows now.
func Outside(reason, message string) *fault.Fault {
	return fault.Of(fault.Denied(reason, errors.New(message)))
}

// Exceeds is the fault of an object that violates the limits of its namespace, and nil
// without violations. What names the object, such as "the Connection".
func Exceeds(limits *boundary.Limits, what string, violations []string) *fault.Fault {
	if len(violations) == 0 {
		return nil
	}
	return Outside(v1alpha1.ReasonOutsideBoundary, fmt.Sprintf("against the Boundary %s %s %s", limits.Name, what, strings.Join(violations, "; it ")))
}

// WithinBoundary is the condition of that name: False with a refusal, and otherwise True
// with the message.
func WithinBoundary(allowed string, refusal *fault.Fault) metav1.Condition {
	out := metav1.Condition{Type: v1alpha1.ConditionWithinBoundary, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed, Message: allowed}
	if refusal != nil {
		out.Status, out.Reason, out.Message = metav1.ConditionFalse, refusal.Reason, refusal.Error()
	}
	return out
}
