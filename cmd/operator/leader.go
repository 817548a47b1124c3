// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/internal/lease"
)

// tenure is how long a lease is held without being renewed, how long the leader tries
// to renew it, and how often. Between the first two, nobody writes: what the old leader
// has under way can end.
type tenure struct{ lease, renew, retry time.Duration }

func (t *tenure) flags() {
	flag.DurationVar(&t.lease, "leader-elect-lease-duration", 15*time.Second, "how long the lease of a leader that does not renew it is respected; what a leader has under way must end between the renew deadline and this")
	flag.DurationVar(&t.renew, "leader-elect-renew-deadline", 10*time.Second, "how long a leader that cannot renew its lease writes to Databricks and tries again")
	flag.DurationVar(&t.retry, "leader-elect-retry-period", 2*time.Second, "how often the lease is renewed, and asked for")
}

// elect lets the manager take part in the election of a leader, and returns what says
// whether this process may write. The manager's client asks it too.
func elect(o *ctrl.Options, cluster *rest.Config, namespace string, t tenure) (func() error, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name this operator: %w", err)
	}
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, namespace, "operator.gatehouse.dev",
		resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())}, cluster, t.renew)
	if err != nil {
		return nil, fmt.Errorf("prepare the election of a leader: %w", err)
	}
	fence := lease.New(lock, t.renew)
	o.LeaderElection, o.LeaderElectionReleaseOnCancel, o.LeaderElectionResourceLockInterface = true, true, fence
	o.LeaseDuration, o.RenewDeadline, o.RetryPeriod = new(t.lease), new(t.renew), new(t.retry)
	o.NewClient = func(cluster *rest.Config, options client.Options) (client.Client, error) {
		c, err := client.New(cluster, options)
		if err != nil {
			return nil, err
		}
		return lease.Client(c, fence.Check), nil
	}
	return fence.Check, nil
}
