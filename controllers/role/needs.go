// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/estate"
)

// rolesWithOtherNeeds asks for the Roles whose needs, as everything declared
// together makes them, are not those that their status shows. The others are left
// alone: a pass over each Role for each change would cost Databricks ten calls each.
func rolesWithOtherNeeds(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, _ client.Object) []reconcile.Request {
		e, err := estate.Load(ctx, c)
		if err != nil {
			return nil // the cache answers lists, always, once it is there
		}
		var out []reconcile.Request
		for i := range e.Roles {
			if r := &e.Roles[i]; !settled(r, needsOf(e, r)) {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(r)})
			}
		}
		return out
	}
}

// needsOf is what a Role needs. It is worked out of the Role alone: with all cells of
// a large estate each event would cost the square of it.
func needsOf(e access.Estate, r *v1alpha1.Role) access.Needs {
	one := e.Of(r)
	cells, _ := one.Cells()
	return one.Needs(r, cells)
}

// overtaken asks for a Role whose needs changed while a pass gave it others: to
// rolesWithOtherNeeds it still looked settled then.
func overtaken(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		r, ok := o.(*v1alpha1.Role)
		if !ok || !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionReady) {
			return nil // a pass is to come anyway, at its own time
		}
		e, err := estate.Load(ctx, c)
		if err != nil {
			return nil // the cache answers lists, always, once it is there
		}
		if settled(r, needsOf(e, r)) {
			return nil
		}
		return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(r)}}
	}
}

// statusChanged lets through Roles whose status changed.
func statusChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, DeleteFunc: func(event.DeleteEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*v1alpha1.Role)
			after, also := e.ObjectNew.(*v1alpha1.Role)
			return ok && also && !equality.Semantic.DeepEqual(before.Status, after.Status)
		},
	}
}

// settled says that a Role is Ready with exactly these needs.
func settled(r *v1alpha1.Role, needs access.Needs) bool {
	if !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionReady) || !slices.Equal(r.Status.Scopes, needs.Scopes) {
		return false
	}
	return slices.EqualFunc(r.Status.Grants, needs.Grants, func(have v1alpha1.RoleGrant, want access.Grant) bool {
		return grantOf(have) == want.Grant && slices.Equal(have.From, want.From)
	})
}
