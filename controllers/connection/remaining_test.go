// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"slices"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestWhatStaysIsNamed(t *testing.T) {
	c := &v1alpha1.Connection{Spec: v1alpha1.ConnectionSpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, ConnectionName: "gh"}}
	if _, lines := (adapter{}).remaining(c); len(lines) > 0 {
		t.Errorf("of nothing %q stays", lines)
	}
	c.Status.Intent = "a mark"
	if _, lines := (adapter{}).remaining(c); !slices.Equal(lines, []string{"perhaps the connection gh, with its credential"}) {
		t.Errorf("got %q", lines)
	}
	c.Status.ConnectionID, c.Status.Adopted, c.Status.MCPServices = "c-1", "True", []string{"main.shared.gh"}
	c.Status.Credential.Fingerprint = "0123"
	workspace, got := adapter{}.remaining(c)
	want := []string{"connection gh, id c-1, with its credential, which was there before the resource", "MCP service main.shared.gh"}
	if workspace != "main" || !slices.Equal(got, want) {
		t.Errorf("in %s stays %q, want %q", workspace, got, want)
	}
}
