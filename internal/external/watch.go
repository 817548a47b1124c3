// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Every asks for a pass over all objects of a kind, whatever the event.
func Every(c client.Reader, list client.ObjectList) handler.EventHandler {
	return Concerned(c, list, func(client.Object, client.Object) bool { return true })
}

// Concerned asks for a pass over the objects of a kind that an event concerns. The
// list is an empty one of the kind, the reader a cache.
func Concerned[O client.Object](c client.Reader, list client.ObjectList, concerns func(obj O, event client.Object) bool) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, event client.Object) []reconcile.Request {
		all, ok := list.DeepCopyObject().(client.ObjectList)
		if !ok || c.List(ctx, all, client.UnsafeDisableDeepCopy) != nil {
			return nil // the cache answers lists, always, once it is there
		}
		var out []reconcile.Request
		_ = meta.EachListItem(all, func(item runtime.Object) error {
			if o, ok := item.(O); ok && concerns(o, event) {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(o)})
			}
			return nil
		})
		return out
	})
}
