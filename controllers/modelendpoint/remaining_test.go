// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"slices"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestWhatStaysIsNamed(t *testing.T) {
	m := &v1alpha1.ModelEndpoint{Spec: v1alpha1.ModelEndpointSpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, EndpointName: "llm"}}
	m.Namespace, m.Name, m.Status.Mark = "sales", "model", "test/modelendpoint/rival/other"
	a := adapter{installation: "test"}
	if _, lines := a.remaining(m); len(lines) > 0 {
		t.Errorf("of another's mark %q stays", lines)
	}
	m.Status.Mark = "test/modelendpoint/sales/model"
	m.Status.Applied = []v1alpha1.AppliedSetting{{Name: "guardrails/input/pii"}, {Name: "rate_limits/service_principal/a-b", Role: "west"}}
	workspace, got := a.remaining(m)
	want := []string{
		"tag gatehouse=test/modelendpoint/sales/model of the serving endpoint llm", "setting guardrails/input/pii of the serving endpoint llm",
		"setting rate_limits/service_principal/a-b of the serving endpoint llm, for the Role west",
	}
	if workspace != "main" || !slices.Equal(got, want) {
		t.Errorf("in %s stays %q, want %q", workspace, got, want)
	}
}
