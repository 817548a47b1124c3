// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/connection"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const ownMark = "Managed by Gatehouse: test/connection/sales/gh"

// declaredThere is what a run without a fault ends with.
func declaredThere() map[string]string {
	return map[string]string{
		"gh":                          "the company's (" + ownMark + ") BEARER_TOKEN map[base_path:/mcp host:https://api.example.com is_mcp_connection:true port:443]",
		"mcp-services/" + serviceName: ownMark + " map[include_tool_selectors:[get_issue search_*] source_connection:map[name:connections/gh]]",
	}
}

func (w *world) as(want map[string]string) {
	w.T.Helper()
	if diff := cmp.Diff(want, w.found()); diff != "" {
		w.T.Errorf("there is (-want +got):\n%s", diff)
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("gh"))
	c := w.Settle("gh")
	w.as(declaredThere())
	id := c.Status.ConnectionID
	if id == "" || c.Status.Adopted != "False" || c.Status.URL != "https://api.example.com:443/mcp" || len(c.Status.Credential.Fingerprint) != 32 || !slices.Equal(c.Status.MCPServices, []string{serviceName}) || c.Status.UpdatedBy != env.OperatorID {
		t.Errorf("status %+v", c.Status)
	}
	for _, kind := range []string{v1alpha1.ConditionMCPServiceReady, v1alpha1.ConditionWithinBoundary} {
		if !meta.IsStatusConditionTrue(c.Status.Conditions, kind) {
			t.Errorf("conditions %+v", c.Status.Conditions)
		}
	}
	quiet := func(t *testing.T) { t.Helper(); w.In(t, func() { w.Steady("gh") }) }
	t.Run("a second pass writes nothing", quiet)
	const other = `{"options":{"host":"https://evil.example.org","bearer_token":"x","is_mcp_connection":"true"}}`
	for name, drift := range map[string]func(){
		"the host was changed":      func() { w.call(http.MethodPatch, connections+"/gh", other) },
		"the connection is deleted": func() { w.call(http.MethodDelete, connections+"/gh", "") },
		"the tools were opened": func() {
			w.call(http.MethodPatch, services+"/"+serviceName+"?update_mask=config.include_tool_selectors", `{"config":{"include_tool_selectors":[]}}`)
		},
		"the service is deleted": func() { w.call(http.MethodDelete, services+"/"+serviceName, "") },
	} {
		t.Run("repaired: "+name, func(t *testing.T) {
			w.T = t
			drift()
			for len(w.Recorder.Events) > 0 {
				w.told.WriteString(<-w.Recorder.Events)
			}
			w.Settle("gh")
			if len(w.Recorder.Events) == 0 {
				t.Error("no event tells of it")
			}
			w.as(declaredThere())
			quiet(t)
		})
	}
	w.T = t
	t.Run("what somebody else has changed is written anew, credential and all", func(t *testing.T) {
		w.EditStatus("gh", func(c *v1alpha1.Connection) {
			c.Status.Credential.WrittenBy, c.Status.Credential.WrittenAt = "somebody", 1
		})
		w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.ManagementPolicy = v1alpha1.ManagementObserveOnly })
		for range 2 {
			if m := w.Ends(w.Get("gh"), v1alpha1.ConditionSynced, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly); m !=
				`Update the connection gh, last changed by `+env.OperatorID+` (credential: "changed by `+env.OperatorID+`" -> "that of the Secret")` {
				t.Errorf("the plan is %s", m)
			}
		}
		w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.ManagementPolicy = v1alpha1.ManagementEnforce })
		since := w.Emulator.Last(t)
		w.Settle("gh")
		if diff := cmp.Diff([]string{"PATCH " + connections + "/gh"}, w.Emulator.Writes(t, since)); diff != "" {
			t.Error(diff)
		}
		quiet(t)
	})
	t.Run("a lost status finds it again, and writes the credential anew", func(t *testing.T) {
		before := w.Get("gh").Status
		w.EditStatus("gh", func(c *v1alpha1.Connection) { c.Status = v1alpha1.ConnectionStatus{} })
		since := w.Emulator.Last(t)
		after := w.Settle("gh").Status
		if before.ConnectionID != after.ConnectionID || before.Credential.Fingerprint != after.Credential.Fingerprint || !slices.Equal(before.MCPServices, after.MCPServices) {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if diff := cmp.Diff([]string{"PATCH " + connections + "/gh"}, w.Emulator.Writes(t, since)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("another spec", func(t *testing.T) {
		w.edit("gh", func(s *v1alpha1.ConnectionSpec) {
			s.Host, s.Port, s.MCPService.Name, s.MCPService.Tools = "https://new.example.com", 8443, "main.shared.other", []v1alpha1.ToolSelector{"*"}
		})
		w.Settle("gh")
		w.as(map[string]string{
			"gh":                             "the company's (" + ownMark + ") BEARER_TOKEN map[base_path:/mcp host:https://new.example.com is_mcp_connection:true port:8443]",
			"mcp-services/main.shared.other": ownMark + " map[source_connection:map[name:connections/gh]]",
		})
		quiet(t)
	})
	t.Run("without the service", func(t *testing.T) {
		w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.MCPService = nil })
		if c := w.Settle("gh"); meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionMCPServiceReady) != nil || len(c.Status.MCPServices) > 0 {
			t.Errorf("status %+v", c.Status)
		}
		w.has("gh")
		quiet(t)
	})
	t.Run("another kind of credential", func(t *testing.T) {
		w.edit("gh", func(s *v1alpha1.ConnectionSpec) {
			s.OAuthM2M = &v1alpha1.OAuthM2M{ClientID: "me", ClientSecretRef: s.BearerToken.SecretRef, TokenEndpoint: "https://login.example.com/token", Scope: "read write"}
			s.BearerToken = nil
		})
		w.Settle("gh")
		if got := w.found()["gh"]; !strings.Contains(got, "OAUTH_M2M") || !strings.Contains(got, "client_id:me") || !strings.Contains(got, "oauth_scope:read write") {
			t.Errorf("there is %s", got)
		}
		quiet(t)
	})
	t.Run("deleting it with the Secret gone takes it away", func(t *testing.T) {
		if err := w.Kube.Delete(t.Context(), secret("sales", "")); err != nil {
			t.Fatal(err)
		}
		w.Remove("gh")
		w.has()
	})
	t.Run("an orphan leaves everything", func(t *testing.T) {
		env.Create(t, w.Kube, secret("sales", firstToken))
		c := declared("gh")
		c.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
		env.Create(t, w.Kube, c)
		w.Settle("gh")
		since := w.Emulator.Last(t)
		w.Remove("gh")
		w.as(declaredThere())
		w.WroteNothing(since)
	})
	w.quiet()
}

// TestANewCredentialReachesTheService calls the service through the connection.
func TestANewCredentialReachesTheService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var seen atomic.Value
	host, port := w.Emulator.Upstream(t, func(_ http.ResponseWriter, r *http.Request) { seen.Store(r.Header.Get("Authorization")) })
	w.bound(func(b *v1alpha1.BoundaryConnections) { b.Hosts = []v1alpha1.NamePattern{"127.0.0.1"} })
	c := declared("gh")
	c.Spec.Host, c.Spec.Port, c.Spec.Protocol, c.Spec.MCPService = v1alpha1.HTTPSHost(host), port, v1alpha1.ProtocolHTTP, nil
	env.Create(t, w.Kube, c)
	calls := func(token string) {
		t.Helper()
		w.Emulator.SQL(t, "SELECT http_request(conn => 'gh', method => 'GET', path => '/x').status_code")
		if got := seen.Load(); got != "Bearer "+token {
			t.Error("the service was called with another credential")
		}
	}
	w.Settle("gh")
	calls(firstToken)
	before := w.Get("gh").Status.Credential.Fingerprint
	since := w.Emulator.Last(t)
	w.rotate(secondToken)
	w.Settle("gh")
	if diff := cmp.Diff([]string{"PATCH " + connections + "/gh"}, w.Emulator.Writes(t, since)); diff != "" {
		t.Error(diff)
	}
	calls(secondToken)
	if after := w.Get("gh").Status.Credential.Fingerprint; after == before || after == "" {
		t.Errorf("the fingerprint stayed %s", after)
	}
	t.Run("an observer says that it would be written, and not what", func(t *testing.T) {
		w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.ManagementPolicy = v1alpha1.ManagementObserveOnly })
		w.rotate(firstToken)
		if m := w.Ends(w.Get("gh"), v1alpha1.ConditionSynced, metav1.ConditionFalse, v1alpha1.ReasonObserveOnly); m != `Update the connection gh (credential: "another" -> "that of the Secret")` {
			t.Errorf("the plan is %s", m)
		}
		calls(secondToken)
	})
	w.quiet()
}

// TestASecretIsLookedAtAgain: of a Secret whose right is granted, or whose content changes, the Connection is worked on.
func TestASecretIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := declared("gh")
	c.Spec.BearerToken.SecretRef.Name = "late"
	env.Create(t, w.Kube, c)
	a := connection.NewAdapter(w.Kube, w.live, w.options())
	gather := func() {
		t.Helper()
		if _, err := a.Gather(t.Context(), w.Get("gh")); err != nil {
			t.Fatal(err)
		}
	}
	look := func(want ...string) {
		t.Helper()
		if got := connection.Poll(t.Context(), a); !slices.Equal(got, want) {
			t.Errorf("looked again at %q, want %q", got, want)
		}
	}
	look() // no pass has needed it
	if m := w.Ends(w.Get("gh"), v1alpha1.ConditionReferencesResolved, metav1.ConditionFalse, v1alpha1.ReasonCredentialNotReadable); !strings.Contains(m,
		"kubectl -n sales create role gatehouse-connection-gh --verb=get --resource=secrets --resource-name=late && kubectl -n sales create rolebinding gatehouse-connection-gh --role=gatehouse-connection-gh --user="+operatorName) {
		t.Errorf("the message does not say what to do: %s", m)
	}
	gather()
	look()
	late := secret("sales", firstToken)
	late.Name = "late"
	env.Create(t, w.Kube, late)
	look() // may not be read
	role, binding := w.rights("late")
	env.Create(t, w.Kube, role, binding)
	w.eventually(func() bool { return slices.Equal(connection.Poll(t.Context(), a), []string{"gh"}) })
	look()
	gather()
	look()
	late.StringData = map[string]string{"token": secondToken}
	if err := w.Kube.Update(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	look("gh")
	look()
	if err := w.Kube.Delete(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	look("gh")
	w.Ends(w.Get("gh"), v1alpha1.ConditionReferencesResolved, metav1.ConditionFalse, v1alpha1.ReasonCredentialNotFound)
	w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.ManagementPolicy = v1alpha1.ManagementPaused })
	env.Create(t, w.Kube, func() *v1alpha1.Connection {
		c := declared("other")
		c.Spec.ConnectionName = "gh_other"
		c.Spec.MCPService = nil
		return c
	}())
	look()
	w.has()
}
