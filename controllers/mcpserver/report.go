// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// conditions say whether the Boundary lets the server run.
func (adapter) conditions(in input) []metav1.Condition {
	out := []metav1.Condition{governed.WithinBoundary("The Boundary lets the server run here", fault.Of(in.refused)), sharing(in.found.document)}
	if in.found.enforcement != nil { // what an earlier operator found stays until then
		out = append(out, enforced(in.found.enforcement))
	}
	return out
}

// sharing says whether every pod has a useful share of the rate limits.
func sharing(d access.Document) metav1.Condition {
	c := metav1.Condition{
		Type: v1alpha1.ConditionRateLimitsShared, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAllowed,
		Message: "Every pod may let through a call in a minute or more of each limit",
	}
	if thin := d.Thin(); len(thin) > 0 {
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonShareBelowOne
		c.Message = "A pod's share is below one call in a minute of: " + strings.Join(thin, "; ") + ". Name a `rateLimitStore`, in which pods count together, or run fewer pods"
	}
	return c
}

// resync is the workspace's, and sooner while the comparison with Databricks finds
// something that is not as declared.
func (adapter) resync(in input) time.Duration {
	if e := in.found.enforcement; e != nil && !clean(e) {
		return min(in.resync, auditRetry)
	}
	return in.resync
}

// Report fills in the status; the matrix is that of the document which the ConfigMap holds.
func (adapter) Report(s *v1alpha1.MCPServer, have state) {
	d := have.Document
	if c := have.object(kindConfigMap); c != nil && !c.Foreign && d.Hash != "" {
		s.Status.Access = v1alpha1.AccessStatus{Hash: d.Hash}
		for _, role := range slices.Sorted(maps.Keys(d.Matrix)) {
			s.Status.Access.Matrix = append(s.Status.Access.Matrix, v1alpha1.AccessRow{Role: role, Tools: d.Matrix[role]})
		}
	}
	if have.Enforcement != nil {
		s.Status.Enforcement = have.Enforcement
	}
	if o := have.object(kindSecret); o != nil {
		if secret, ok := o.Value.(*corev1.Secret); ok && len(secret.Data) > 0 {
			s.Status.SealingKeys = v1alpha1.SealingKeysStatus{IDs: slices.Sorted(maps.Keys(secret.Data)), Fingerprint: fingerprint(secret.Data)}
		}
	}
	s.Status.Replicas, s.Status.CurrentReplicas, s.Status.Pods = have.Replicas, 0, nil
	for _, p := range have.Pods {
		if p.current(d) {
			s.Status.CurrentReplicas++
		}
		s.Status.Pods = append(s.Status.Pods, p.report())
	}
}
