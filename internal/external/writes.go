// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// staleRequeue is how long to wait for the cache to show what was written.
const staleRequeue = 20 * time.Millisecond

// writes are the versions that this process wrote last, of objects that the cache
// has not shown since. A pass over an older version would decide from an ownership
// record that lacks what the pass before it made, and write its status over the
// other's. The zero value is ready to use.
type writes struct{ versions sync.Map }

// note remembers the version of an object that was just written.
func (w *writes) note(obj client.Object) {
	w.versions.Store(client.ObjectKeyFromObject(obj), obj.GetResourceVersion())
}

// ahead says whether an object was written since the version at hand.
func (w *writes) ahead(obj client.Object) bool {
	key := client.ObjectKeyFromObject(obj)
	last, ok := w.versions.Load(key)
	if !ok {
		return false
	}
	written, _ := last.(string) // only strings are stored
	if order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), written); err == nil && order < 0 {
		return true
	}
	w.versions.Delete(key)
	return false
}
