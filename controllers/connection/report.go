// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/governed"
)

// conditions say whether the Boundary allows what is asked for, and how the MCP service is.
func (a adapter) conditions(in input) []metav1.Condition {
	if in.refused != nil {
		return nil
	}
	out := []metav1.Condition{governed.WithinBoundary("The Boundary allows what is asked for", in.outside)}
	if in.spec.MCPService == nil {
		return out
	}
	served := metav1.Condition{Type: v1alpha1.ConditionMCPServiceReady, Status: metav1.ConditionFalse}
	want, err := a.Desired(in)
	if err == nil {
		err = want.Outside
	}
	seen := in.pass.seen
	if err == nil && in.pass.observed {
		var steps plan
		if steps, err = serviceSteps(want, seen); err == nil && len(steps) > 0 {
			err = in.pass.failed
		}
		if err == nil && (len(steps) > 0 || !seen.Connection.ours() || seen.Holder != "") {
			served.Reason, served.Message = v1alpha1.ReasonMCPServiceNotReady, "The MCP service is not in place yet: Ready says why"
			return append(out, served)
		}
	}
	switch {
	case err != nil:
		f := fault.Of(err)
		served.Reason, served.Message = f.Reason, f.Error()
	case !in.pass.observed:
		served.Status, served.Reason, served.Message = metav1.ConditionUnknown, v1alpha1.ReasonMCPServiceNotReady, "Databricks was not looked at: Ready says why"
	default:
		served.Status, served.Reason, served.Message = metav1.ConditionTrue, v1alpha1.ReasonReady, "The MCP service is as declared"
	}
	return append(out, served)
}

// changedBy is the last change of the connection. One that is gone tells nothing, and of
// an MCP service Databricks is not asked when it was changed.
func (adapter) changedBy(have state, s external.Step[state]) (who string, at time.Time) {
	if c := have.Connection; c != nil && s.Want.Connection != nil && c.UpdatedAt > 0 {
		return c.UpdatedBy, time.UnixMilli(c.UpdatedAt)
	}
	return "", time.Time{}
}

// intend records what is about to be made or taken over, and forgets the fingerprint of a
// credential that is about to be replaced: until the answer is there, either may be the one.
func (a adapter) intend(c *v1alpha1.Connection, have state, s external.Step[state]) {
	switch {
	case s.Verb == external.Delete:
	case len(s.Want.Services) > 0:
		c.Status.MCPServices = sorted(append(slices.Clone(c.Status.MCPServices), s.Want.Services[0].Name))
	case s.Verb == external.Create:
		c.Status.Intent = mark(a.Installation, c.Namespace, c.Name)
	default:
		c.Status.Credential = v1alpha1.ConnectionCredential{}
		own(c, have.Connection)
	}
}

// own records a connection as that of the resource.
func own(c *v1alpha1.Connection, l *link) {
	c.Status.ConnectionID, c.Status.Adopted = l.ID, "True"
	if l.Marked {
		c.Status.Adopted = "False"
	}
}

// Report fills in the status from what was observed. The record of a connection that
// cannot be seen stays: it may be there again.
func (adapter) Report(c *v1alpha1.Connection, have state) {
	c.Status.URL, c.Status.UpdatedBy = "", ""
	if l := have.Connection; l.ours() && have.Holder == "" {
		own(c, l)
		c.Status.URL, c.Status.UpdatedBy, c.Status.Credential = short(l.URL, 1024), short(l.UpdatedBy, 255), l.Credential
	}
	if have.Unseen == nil {
		var names []string
		for _, s := range have.Services {
			if s.Marked {
				names = append(names, s.Name)
			}
		}
		// What is still wanted stays: the answer to making it may have been lost.
		if m := c.Spec.MCPService; m != nil && slices.Contains(c.Status.MCPServices, string(m.Name)) {
			names = append(names, string(m.Name))
		}
		c.Status.MCPServices = sorted(names)
	}
	if c.Spec.MCPService == nil {
		meta.RemoveStatusCondition(&c.Status.Conditions, v1alpha1.ConditionMCPServiceReady)
	}
}

func short(s string, most int) string { return s[:min(len(s), most)] }

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
