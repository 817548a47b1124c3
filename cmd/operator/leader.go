// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/gatehouse-dev/gatehouse/internal/lease"
)

// How long a lease is held without being renewed, how long the leader tries to renew
// it, and how often. Between the first two, nobody writes: what the old leader has
// under way can end.
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// elect lets the manager take part in the election of a leader, and returns what says
// whether this process may write.
func elect(o *ctrl.Options, cluster *rest.Config, namespace string) (func() error, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name this operator: %w", err)
	}
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, namespace, "operator.gatehouse.dev",
		resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())}, cluster, renewDeadline)
	if err != nil {
		return nil, fmt.Errorf("prepare the election of a leader: %w", err)
	}
	fence := lease.New(lock, renewDeadline)
	o.LeaderElection, o.LeaderElectionReleaseOnCancel, o.LeaderElectionResourceLockInterface = true, true, fence
	o.LeaseDuration, o.RenewDeadline, o.RetryPeriod = new(leaseDuration), new(renewDeadline), new(retryPeriod)
	return fence.Check, nil
}
