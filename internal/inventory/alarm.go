// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// alarmEvery is how often the ends of rules are looked for. It reads the cache.
const alarmEvery = 500 * time.Millisecond

// Alarm asks for passes when rules of ToolAccesses end: those that concerns names for
// the ToolAccess. It does not hang on the passes themselves, whose next one may be
// minutes away when the last one failed: an end takes access away, and nothing may hold
// that up.
func Alarm(c client.Reader, concerns handler.MapFunc) source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		go ring(ctx, c, concerns, queue)
		return nil
	})
}

func ring(ctx context.Context, c client.Reader, concerns handler.MapFunc, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	tick := time.NewTicker(alarmEvery)
	defer tick.Stop()
	for since := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		var list v1alpha1.ToolAccessList
		if err := c.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
			continue // the cache answers lists, always, once it is there; nothing is missed meanwhile
		}
		for i := range list.Items {
			if !endsWithin(&list.Items[i], since, now) {
				continue
			}
			for _, r := range concerns(ctx, &list.Items[i]) {
				queue.Add(r)
			}
		}
		since = now
	}
}

// endsWithin says whether a rule ended after one time and not after another.
func endsWithin(a *v1alpha1.ToolAccess, since, now time.Time) bool {
	for _, rule := range a.Spec.Rules {
		if rule.Until != nil && rule.Until.After(since) && !rule.Until.After(now) {
			return true
		}
	}
	return false
}

// Each asks for a pass over the ToolAccess itself.
func Each(_ context.Context, o client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(o)}}
}
