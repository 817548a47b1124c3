// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

// adoptionClaims keep Roles of this process from writing their marks over one another's: SCIM
// has no condition for a write, and two passes that both saw no mark would both write
// theirs. The zero value is ready to use.
type adoptionClaims struct{ byApplication sync.Map }

// adoptionClaim is a service principal whose mark is read and written under its lock.
type adoptionClaim struct {
	sync.Mutex
	// mark is the one that this process put on last, for as long as reads may not show it.
	mark  string
	until time.Time
}

// markSeenWithin is how long reads may lag behind the write of a mark.
const markSeenWithin = time.Minute

// of returns the service principal with an application id.
func (c *adoptionClaims) of(applicationID string) *adoptionClaim {
	v, _ := c.byApplication.LoadOrStore(applicationID, &adoptionClaim{})
	return v.(*adoptionClaim) //nolint:forcetypeassert // only claims are stored
}

// owner is the external id that counts, given what was read; nil is none.
func (c *adoptionClaim) owner(read *admin.ServicePrincipal) string {
	switch {
	case read == nil:
		return ""
	case read.ExternalID == "" && time.Now().Before(c.until):
		return c.mark
	}
	return read.ExternalID
}

// put remembers a mark that was, or may have been, put on; an empty one was taken off.
func (c *adoptionClaim) put(mark string) {
	c.mark, c.until = mark, time.Now().Add(markSeenWithin)
}
