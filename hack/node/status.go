// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/hack/node/internal/process"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/render"
)

// Status says how an instance is.
type Status struct {
	Node
	// Ready is whether pods can be made and would run.
	Ready bool `json:"ready"`
	// Reason says why it is not ready.
	Reason string `json:"reason,omitempty"`
	// Parts are the programs it is made of, in the order in which they start.
	Parts []Part `json:"parts"`
}

// Part is one program of an instance.
type Part struct {
	Name    string `json:"name"`
	Running bool   `json:"running"`
	// PID is the process's number; 0 when it does not run.
	PID int `json:"pid,omitempty"`
}

// Status looks at the instance, for at most ten seconds.
func (n *Node) Status(ctx context.Context) Status {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	status := Status{Node: *n, Ready: true}
	for _, name := range render.Names() {
		pid, running := process.Lookup(n.plan.Path("pid"), name)
		if !running {
			pid = 0
			status.Ready, status.Reason = false, name+" does not run"
		}
		status.Parts = append(status.Parts, Part{Name: name, Running: running, PID: pid})
	}
	if !status.Ready {
		return status
	}
	api, err := client(n.plan)
	if err == nil {
		err = usable(ctx, api, n.plan, render.Cluster{Instance: n.plan}.DNSReady(), time.Time{})
	}
	if err != nil {
		status.Ready, status.Reason = false, err.Error()
	}
	return status
}
