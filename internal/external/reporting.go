// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import "context"

// Reporting is a part of the Adapter of a kind that owns nothing and reports what it
// gathered: the input is the desired and the observed state, and there is no step.
type Reporting[S any] struct{}

// Desired returns the input.
func (Reporting[S]) Desired(in S) (S, error) { return in, nil }

// Observe returns the input.
func (Reporting[S]) Observe(_ context.Context, in S) (S, error) { return in, nil }

// Apply is never called.
func (Reporting[S]) Apply(_ context.Context, _, have S, _ Step[S]) (S, error) { return have, nil }
