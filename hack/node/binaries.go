// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"io"

	"github.com/gatehouse-dev/gatehouse/hack/node/internal/binaries"
)

// Set names a group of programs.
type Set = binaries.Set

const (
	// Assets are kube-apiserver and etcd, what KUBEBUILDER_ASSETS holds.
	Assets = binaries.Assets
	// All is everything a cluster of one node needs, and kubectl.
	All = binaries.All
)

// Binaries returns a folder that holds the programs of the set, building those that no earlier run has left there: minutes
// the first time, milliseconds later. Lines about what is being built go to progress. For Assets it honours
// KUBEBUILDER_ASSETS. It must run inside the repository.
func Binaries(ctx context.Context, progress io.Writer, set Set) (string, error) {
	return binaries.Ensure(ctx, progress, set)
}
