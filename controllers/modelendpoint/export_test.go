// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// NewKind gives the suite the kind that NewReconciler uses.
func NewKind(c client.Client, o Options) external.Kind[*v1alpha1.ModelEndpoint, input, state] {
	return newAdapter(c, o).kind()
}
