// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"hash/maphash"
	"reflect"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// memos are those of the versions that were read last, for all controllers of a process.
var memos keeper //nolint:gochecknoglobals // what it keeps depends on nothing but its key

// mostMemos is how many versions are kept: readers of the moment before may still be at work.
const mostMemos = 4

// keeper keeps a Memo for each of a few versions. The zero value is ready to use.
type keeper struct {
	mu   sync.Mutex
	list []kept // the last one is the latest
}

type kept struct {
	reader  client.Reader
	version uint64
	memo    *access.Memo
}

// of returns the Memo of a version of what a reader reads.
func (k *keeper) of(reader client.Reader, version uint64) *access.Memo {
	if !reflect.ValueOf(reader).Comparable() {
		return access.NewMemo() // which serves this one inventory
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	at := slices.IndexFunc(k.list, func(o kept) bool { return o.version == version && o.reader == reader })
	if at >= 0 {
		return k.list[at].memo
	}
	made := kept{reader, version, access.NewMemo()}
	k.list = append(k.list, made)
	if len(k.list) > mostMemos {
		k.list = slices.Delete(k.list, 0, 1)
	}
	return made.memo
}

// seed makes it impossible to declare something whose version is that of something else.
var seed = maphash.MakeSeed() //nolint:gochecknoglobals // one for the process

// version stands for all that a Memo depends on. Lists come in any order.
func version(tools []v1alpha1.Tool, boundaries []v1alpha1.Boundary, namespaces []corev1.Namespace) uint64 {
	var sum uint64
	add := func(kind string, o metav1.Object) {
		sum += maphash.Comparable(seed, [5]string{kind, o.GetNamespace(), o.GetName(), string(o.GetUID()), o.GetResourceVersion()})
	}
	for i := range tools {
		add("Tool", &tools[i])
	}
	for i := range boundaries {
		add("Boundary", &boundaries[i])
	}
	for i := range namespaces {
		add("Namespace", &namespaces[i])
	}
	return sum
}
