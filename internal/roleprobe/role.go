// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package roleprobe

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
)

// Capable says whether checks can run as a Role: it is Ready for its generation, it has a service
// principal, and it may use the warehouse.
func Capable(r *v1alpha1.Role, warehouse v1alpha1.WarehouseID) bool {
	ready := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady)
	return r.DeletionTimestamp.IsZero() && ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == r.Generation &&
		r.Status.ServicePrincipal.ID != "" && r.Status.ServicePrincipal.ApplicationID != "" &&
		slices.ContainsFunc(r.Status.Grants, func(g v1alpha1.RoleGrant) bool {
			return g.Type == boundary.Warehouse && g.Name == string(warehouse) && g.Privilege == "CAN_USE"
		})
}

// Of returns a probe as a Role, without checks.
func Of(r *v1alpha1.Role, warehouse v1alpha1.WarehouseID) Probe {
	return Probe{
		Workspace: r.Spec.WorkspaceRef.Name, WarehouseID: string(warehouse),
		PrincipalID: r.Status.ServicePrincipal.ID, ApplicationID: r.Status.ServicePrincipal.ApplicationID, Generation: r.Generation,
	}
}
