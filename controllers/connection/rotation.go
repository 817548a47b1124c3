// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// versions are those of the Secrets that passes read last, by the UID of the Connection.
// The zero value is ready to use.
type versions struct {
	mu   sync.Mutex
	seen map[types.UID]string
}

func (v *versions) note(connection types.UID, version string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil {
		v.seen = map[types.UID]string{}
	}
	v.seen[connection] = version
}

// changed says whether a version is another than the one that was noted, and notes it.
// Where nothing was noted no pass has needed the Secret.
func (v *versions) changed(connection types.UID, version string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	last, ok := v.seen[connection]
	if !ok || last == version {
		return false
	}
	v.seen[connection] = version
	return true
}

// keep forgets all but some.
func (v *versions) keep(connections map[types.UID]bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for uid := range v.seen {
		if !connections[uid] {
			delete(v.seen, uid)
		}
	}
}

// versionOf names the content of a Secret; "" is that of one that is not there or may not be read.
func versionOf(o metav1.Object, err error) string {
	if err != nil {
		return ""
	}
	return string(o.GetUID()) + "/" + o.GetResourceVersion()
}

// rotation asks for the versions of Secrets, because a watch would need the right to
// list them all. It reads no content: the pass that it asks for compares that.
type rotation struct {
	cached, live client.Reader
	versions     *versions
	every        time.Duration
	changed      chan event.GenericEvent
}

// NeedLeaderElection is true: the others do nothing.
func (rotation) NeedLeaderElection() bool { return true }

// Start polls until ctx ends.
func (r rotation) Start(ctx context.Context) error {
	tick := time.NewTicker(r.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.poll(ctx)
		}
	}
}

func (r rotation) poll(ctx context.Context) {
	var all v1alpha1.ConnectionList
	if err := r.cached.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return // the cache answers lists, always, once it is there
	}
	there := map[types.UID]bool{}
	for i := range all.Items {
		c := &all.Items[i]
		there[c.UID] = true
		if !c.DeletionTimestamp.IsZero() || c.Spec.ManagementPolicy == v1alpha1.ManagementPaused {
			continue
		}
		version, known := r.version(ctx, c)
		if !known || !r.versions.changed(c.UID, version) {
			continue
		}
		select {
		case r.changed <- event.GenericEvent{Object: c.DeepCopy()}:
		case <-ctx.Done():
			return
		}
	}
	r.versions.keep(there)
}

// version is that of the Secret of a Connection. Not to know is no change.
func (r rotation) version(ctx context.Context, c *v1alpha1.Connection) (version string, known bool) {
	var s metav1.PartialObjectMetadata
	s.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := r.live.Get(ctx, types.NamespacedName{Namespace: c.Namespace, Name: secretRef(c.Spec).Name}, &s)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return "", false
	}
	return versionOf(&s, err), true
}
