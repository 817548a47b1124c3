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

// Observe reads the policies that are wanted or recorded, by their ids.
func (a adapter) Observe(ctx context.Context, in input) (state, error) {
	out := state{}
	if in.client == nil {
		return out, nil
	}
	wanted := map[key]policy{}
	for _, b := range in.bindings {
		p := policyOf(in.installation, in.policy, b)
		wanted[p.key()] = p
		out.Wanted = append(out.Wanted, p.record())
	}
	for _, b := range in.applied {
		k := keyOf(b)
		if _, ok := wanted[k]; !ok && b.PolicyID != "" {
			wanted[k] = policy{Role: b.Role, Subject: b.Subject}
		}
	}
	found, err := a.read(ctx, in, wanted)
	if err != nil {
		return state{}, err
	}
	out.Policies = found
	out.sort()
	return out, nil
}

// A policy can only be read by itself: one call for each Role. While Roles arrive, each
// of them makes a pass over all the others; a policy that a cached read shows as it should
// be is not read again. Writes follow from reads past the cache alone.
const (
	// readAtOnce is how many policies are read at the same time.
	readAtOnce = 8
	// cachedShare is the maximum age of a cached read as a share of the time between two
	// observations, and maxCached the most it can be.
	cachedShare = 10
	maxCached   = time.Minute
)

// observed remembers for which version of an object, and which request for a pass, all
// policies were read by this process. The zero value is ready to use.
type observed struct{ versions sync.Map }

type version struct {
	uid        types.UID
	generation int64
	requested  string
}

func versionOf(p *v1alpha1.FederationPolicy) version {
	return version{p.UID, p.Generation, p.Annotations[v1alpha1.AnnotationReconcileRequestedAt]}
}

func (o *observed) at(p *v1alpha1.FederationPolicy) bool {
	last, ok := o.versions.Load(client.ObjectKeyFromObject(p))
	return ok && last == versionOf(p)
}

func (o *observed) record(p *v1alpha1.FederationPolicy) {
	o.versions.Store(client.ObjectKeyFromObject(p), versionOf(p))
}

func (o *observed) forget(p *v1alpha1.FederationPolicy) {
	o.versions.Delete(client.ObjectKeyFromObject(p))
}

// cached reads through a cache with a maximum age. With none it reads Databricks, and fills
// the cache for later reads.
type cached struct {
	Databricks
	maxAge time.Duration
}

func (r cached) Policy(ctx context.Context, principalID, id string) (*admin.FederationPolicy, error) {
	return r.RecentPolicy(ctx, r.maxAge, principalID, id)
}

// read reads policies, some at a time. Those that are not wanted, are not recorded, or are
// not as wanted in the cache, are read past it.
func (a adapter) read(ctx context.Context, in input, wanted map[key]policy) ([]policy, error) {
	recorded := map[key]bool{}
	for _, b := range in.applied {
		recorded[key{b.ServicePrincipalID, b.PolicyID}] = true
	}
	settled := !in.deleting && a.observed.at(in.policy)
	if !settled {
		a.observed.forget(in.policy)
	}
	through := cached{in.client, min(in.resync/cachedShare, maxCached)}
	var mu sync.Mutex
	var out []policy
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readAtOnce)
	for k, w := range wanted {
		group.Go(func() error {
			var found *trust.Policy
			if settled && recorded[k] && w.ID != "" {
				found, _ = trust.Observe(ctx, through, k.principal, k.id, w.Description) // what the cache cannot tell is read past it
			}
			if found == nil || !found.Is(w.Policy) {
				var err error
				if found, err = trust.Observe(ctx, cached{in.client, 0}, k.principal, k.id, description(in.installation, in.policy)); err != nil || found == nil {
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
		a.observed.record(in.policy)
	}
	return out, nil
}
