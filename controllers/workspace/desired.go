// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package workspace

func (adapter) Desired(in input) (state, error) { return state{Principal: in.expect}, nil }
