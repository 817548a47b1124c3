// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
)

// Memo keeps what was worked out of tools, namespaces and Boundaries, for as long as
// none of them changes. It must not be used with others. It knows nothing of Roles and
// of what becomes of them. It is safe for concurrent use.
type Memo struct {
	mu    sync.RWMutex
	known map[any]any
}

// mostKnown bounds a Memo; one that is full begins anew.
const mostKnown = 1 << 16

// NewMemo makes a Memo.
func NewMemo() *Memo { return &Memo{known: map[any]any{}} }

// remembered returns what is known under a key, which stands for all that the work depends on.
func remembered[K comparable, V any](m *Memo, key K, work func() V) V {
	if m == nil {
		return work()
	}
	m.mu.RLock()
	v, ok := m.known[key].(V)
	m.mu.RUnlock()
	if ok {
		return v
	}
	v = work()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= mostKnown {
		clear(m.known)
	}
	m.known[key] = v
	return v
}

// The keys of a Memo, one type for each kind of work.
type (
	soundKey  struct{ tool string }
	limitsKey struct{ namespace string }
	matchKey  struct {
		selector  *metav1.LabelSelector // of one version of an object: they are not changed in place
		namespace string
	}
	needsKey struct{ tool, warehouse string }
	toolKey  struct{ namespace, workspace, server, warehouse, tool string }
)

type checked struct {
	kind ToolType
	err  error
}

type limitsOf struct {
	limits *boundary.Limits
	denial *boundary.Denial
}

// Of is the estate with one Role alone. Its cells and needs are those that the Role has
// in the whole: no Role's depend on another.
func (e Estate) Of(r *v1alpha1.Role) Estate {
	e.Roles = []v1alpha1.Role{*r}
	return e
}
