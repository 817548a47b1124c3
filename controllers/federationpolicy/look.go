// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package federationpolicy

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

// A policy can only be read by itself: one call for each Role. While Roles arrive, each
// of them makes a pass over all the others; those whose policy was as it should be a
// moment ago are not asked for again. What is written follows from a look alone.
const (
	// readAtOnce is how many policies are read at the same time.
	readAtOnce = 8
	// recentShare is how much of the time between two looks an answer may be old, and mostRecent at most.
	recentShare = 10
	mostRecent  = time.Minute
)

// looked remembers for which version of an object, and which request for a pass, all
// policies were read by this process. The zero value is ready to use.
type looked struct{ versions sync.Map }

type version struct {
	uid        types.UID
	generation int64
	asked      string
}

func versionOf(p *v1alpha1.FederationPolicy) version {
	return version{p.UID, p.Generation, p.Annotations[v1alpha1.AnnotationReconcileRequestedAt]}
}

func (l *looked) at(p *v1alpha1.FederationPolicy) bool {
	last, ok := l.versions.Load(client.ObjectKeyFromObject(p))
	return ok && last == versionOf(p)
}

func (l *looked) note(p *v1alpha1.FederationPolicy) {
	l.versions.Store(client.ObjectKeyFromObject(p), versionOf(p))
}

func (l *looked) forget(p *v1alpha1.FederationPolicy) {
	l.versions.Delete(client.ObjectKeyFromObject(p))
}

// recent reads by answers that may be some age old. With none it asks, and what it is
// told serves those who ask later.
type recent struct {
	Databricks
	age time.Duration
}

func (r recent) Policy(ctx context.Context, principalID, id string) (*admin.FederationPolicy, error) {
	return r.RecentPolicy(ctx, r.age, principalID, id)
}

// read reads policies, some at a time. Those that are not wanted, are not recorded, or
// were not as wanted a moment ago, are looked at.
func (a adapter) read(ctx context.Context, in input, wanted map[key]policy) ([]policy, error) {
	recorded := map[key]bool{}
	for _, b := range in.applied {
		recorded[key{b.ServicePrincipalID, b.PolicyID}] = true
	}
	settled := !in.deleting && a.looked.at(in.policy)
	if !settled {
		a.looked.forget(in.policy)
	}
	lately := recent{in.client, min(in.resync/recentShare, mostRecent)}
	var mu sync.Mutex
	var out []policy
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for k, w := range wanted {
		group.Go(func() error {
			var found *trust.Policy
			if settled && recorded[k] && w.ID != "" {
				found, _ = trust.Observe(ctx, lately, k.principal, k.id, w.Description) // what it cannot tell is looked at
			}
			if found == nil || !found.Is(w.Policy) {
				var err error
				if found, err = trust.Observe(ctx, recent{in.client, 0}, k.principal, k.id, description(in.installation, in.policy)); err != nil || found == nil {
					return err
				}
			}
			mu.Lock()
			defer mu.Unlock()
			out = append(out, policy{Policy: *found, Role: w.Role, Subject: w.Subject})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if !in.deleting {
		a.looked.note(in.policy)
	}
	return out, nil
}
