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

// versions are those that this process wrote last, of objects that the cache has not
// shown since. A pass over an older version would decide from an ownership
// record that lacks what the pass before it made, and write its status over the
// other's. The zero value is ready to use.
type versions struct{ written sync.Map }

// record remembers the version of an object that was just written.
func (v *versions) record(obj client.Object) {
	v.written.Store(client.ObjectKeyFromObject(obj), obj.GetResourceVersion())
}

// newerThan says whether an object was written since the version at hand.
func (v *versions) newerThan(obj client.Object) bool {
	key := client.ObjectKeyFromObject(obj)
	last, ok := v.written.Load(key)
	if !ok {
		return false
	}
	written, _ := last.(string) // only strings are stored
	if order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), written); err == nil && order < 0 {
		return true
	}
	v.written.Delete(key)
	return false
}
