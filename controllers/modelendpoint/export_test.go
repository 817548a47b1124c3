// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import "sigs.k8s.io/controller-runtime/pkg/client"

// NewAdapter gives the suite the adapter that NewReconciler uses.
func NewAdapter(c client.Client, o Options) adapter {
	return adapter{reader: c, connect: connected{o.Connect}, installation: o.Installation}
}
