// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

// takings keep Roles of this process from writing their marks over one another's: SCIM
// has no condition for a write, and two passes that both saw no mark would both write
// theirs. The zero value is ready to use.
type takings struct{ byApplication sync.Map }

// taking is a service principal whose mark is read and written under its lock.
type taking struct {
	sync.Mutex
	// mark is the one that this process put on last, for as long as reads may not show it.
	mark  string
	until time.Time
}

// markSeenWithin is how long reads may lag behind the write of a mark.
const markSeenWithin = time.Minute

// of returns the service principal with an application id.
func (t *takings) of(applicationID string) *taking {
	v, _ := t.byApplication.LoadOrStore(applicationID, &taking{})
	return v.(*taking) //nolint:forcetypeassert // only takings are stored
}

// owner is the external id that counts, given what was read; nil is none.
func (t *taking) owner(read *admin.ServicePrincipal) string {
	switch {
	case read == nil:
		return ""
	case read.ExternalID == "" && time.Now().Before(t.until):
		return t.mark
	}
	return read.ExternalID
}

// put remembers a mark that was, or may have been, put on; an empty one was taken off.
func (t *taking) put(mark string) {
	t.mark, t.until = mark, time.Now().Add(markSeenWithin)
}
