// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// cell is a cell of the matrix that can say yes. Nil is one that cannot.
type cell struct {
	// terms are those of the document; none means a plain yes.
	terms []access.Term
}

// lists says whether the tool is shown to the role: whether the cell could say yes now.
func (c *cell) lists(now time.Time) bool {
	if c == nil || len(c.terms) == 0 {
		return c != nil
	}
	for _, t := range c.terms {
		if t.Until.IsZero() || now.Before(t.Until) {
			return true
		}
	}
	return false
}
