// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package visibility

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/roleprobe"
)

// status is how far the check of one group is.
type status int

const (
	// unchecked: no Role can be checked.
	unchecked status = iota
	// blocked: a Role could be checked, but no probe may run.
	blocked
	// pending: the check has not run yet.
	pending
	// failed: the check ran without a result.
	failed
	// settling: the membership is not visible, and it is new.
	settling
	// hidden: the membership is not visible.
	hidden
	// visible: the membership is visible.
	visible
)

// membership is what a check says of one group.
type membership struct {
	status status
	// role is the Role in words.
	role string
	// reason and detail say why it is blocked or failed.
	reason, detail string
}

// assessment is what the results of probes mean for the groups of a DataPolicy.
type assessment struct {
	groups map[string]membership
	// due are the probes to run now.
	due []roleprobe.Probe
	// next is how soon to come back, if not zero.
	next time.Duration
}

// assess is pure. Checks are the expressions by group, barrier says why no probe may run.
func assess(p *v1alpha1.DataPolicy, list []candidate, checks map[string]string, barrier *fault.Fault, results map[roleprobe.Key]roleprobe.Result, now time.Time) assessment {
	out := assessment{groups: map[string]membership{}}
	settled := settledBefore(p)
	for _, c := range list {
		probe := c.Probe
		for _, g := range c.Groups {
			result := results[probe.Key(checks[g])]
			outcome := result.Outcome(now, settled)
			out.groups[g] = membershipOf(c, p.Namespace, outcome, result.Err, barrier)
			switch {
			case barrier != nil:
			case result.IsDue(now):
				probe.Checks = append(probe.Checks, checks[g])
			default:
				out.sooner(outcome.Next())
			}
		}
		if len(probe.Checks) > 0 && len(out.due) < roleprobe.MaxProbes {
			out.due = append(out.due, probe)
		}
	}
	return out
}

// membershipOf is an outcome in the words of this package.
func membershipOf(c candidate, namespace string, outcome roleprobe.Outcome, err error, barrier *fault.Fault) membership {
	m := membership{role: c.text(namespace)}
	switch outcome {
	case roleprobe.True:
		m.status = visible
		return m
	case roleprobe.False:
		m.status = hidden
	case roleprobe.Settling:
		m.status = settling
	case roleprobe.Pending:
		m.status = pending
	case roleprobe.Failed:
		m.status, m.reason, m.detail = failed, v1alpha1.ReasonGroupsUnknown, err.Error()
		if c.Namespace != namespace {
			m.detail = "there was no result" // an error may name what belongs to the other namespace
		}
	}
	if barrier != nil {
		m.status, m.reason, m.detail = blocked, barrier.Reason, barrier.Error()
	}
	return m
}

func (a *assessment) sooner(d time.Duration) {
	if d > 0 && (a.next == 0 || d < a.next) {
		a.next = d
	}
}

// settledBefore says whether a group was reported as not visible for this generation: then it
// does not settle once more in a new process.
func settledBefore(p *v1alpha1.DataPolicy) bool {
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionGroupsVisible)
	return conclusive(c, p.Generation) && c.Reason == v1alpha1.ReasonGroupNotSeen
}

// conclusive says whether a condition holds the result of checks for this generation.
func conclusive(c *metav1.Condition, generation int64) bool {
	return c != nil && c.ObservedGeneration == generation && (c.Reason == v1alpha1.ReasonGroupsVisible || c.Reason == v1alpha1.ReasonGroupNotSeen)
}
