// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

func TestWhichUpdatesNeedAPass(t *testing.T) {
	at := func(uid string, generation int64, asked string) *v1alpha1.ToolAccess {
		return &v1alpha1.ToolAccess{ObjectMeta: metav1.ObjectMeta{
			UID: types.UID(uid), Generation: generation, Annotations: map[string]string{v1alpha1.AnnotationReconcileRequestedAt: asked},
		}}
	}
	before := at("a", 1, "")
	for name, c := range map[string]struct {
		after                    *v1alpha1.ToolAccess
		changed, asked, replaced bool
	}{
		"the same, listed again":                {at("a", 1, ""), false, false, false},
		"a new generation":                      {at("a", 2, ""), true, true, false},
		"somebody asks":                         {at("a", 1, "now"), false, true, false},
		"another of the same name":              {at("b", 1, ""), true, true, true},
		"another of the same name, and changed": {at("b", 2, ""), true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := event.UpdateEvent{ObjectOld: before, ObjectNew: c.after}
			got := [3]bool{external.GenerationChanged().Update(e), external.GenerationChangedOrAsked().Update(e), external.Replaced().Update(e)}
			if want := [3]bool{c.changed, c.asked, c.replaced}; got != want {
				t.Errorf("GenerationChanged, GenerationChangedOrAsked and Replaced let it through: %v, want %v", got, want)
			}
		})
	}
	if !external.Replaced().Create(event.CreateEvent{Object: before}) || !external.Replaced().Delete(event.DeleteEvent{Object: before}) {
		t.Error("Replaced holds back what comes and goes")
	}
}
