// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package coalesce

import (
	"context"
	"slices"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Writes lets callers that change the same object at the same time share one call. The
// zero value is ready to use.
type Writes[Q any] struct {
	group Group[*change[Q], struct{}]
}

// change is what one caller wants changed, and the result.
type change[Q any] struct {
	want Q
	err  error
}

// maxChanges bounds what one call changes.
const maxChanges = 50

// Do makes a change, in one call with the changes that others want of the same object. A
// call that is refused says nothing about a single change, so that each is then made by
// itself. Two changes about the same subject, as who says, are never in one call.
func (w *Writes[Q]) Do(ctx context.Context, key string, want Q, who func(Q) string, write func(context.Context, ...Q) error) error {
	mine := &change[Q]{want: want}
	_, err := w.group.Do(ctx, key, mine, func(ctx context.Context, all []*change[Q]) (struct{}, error) {
		for some := range slices.Chunk(all, maxChanges) {
			writeSome(ctx, some, who, write)
		}
		return struct{}{}, nil
	})
	if err != nil {
		return err
	}
	return mine.err
}

func writeSome[Q any](ctx context.Context, some []*change[Q], who func(Q) string, write func(context.Context, ...Q) error) {
	wants, whose := make([]Q, len(some)), map[string]bool{}
	for i, c := range some {
		wants[i] = c.want
		whose[who(c.want)] = true
	}
	if len(whose) == len(some) {
		err := write(ctx, wants...)
		if f := fault.Of(err); len(some) == 1 || f == nil || f.Class == fault.ClassTransient || f.Class == fault.ClassRateLimited {
			for _, c := range some {
				c.err = err
			}
			return
		}
	}
	for _, c := range some {
		c.err = write(ctx, c.want)
	}
}
