// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const theirs = `{"name":"gh","connection_type":"HTTP","comment":"theirs","options":{"host":"https://old.example.com","base_path":"/mcp","bearer_token":"t","is_mcp_connection":"true"}}`

func (w *world) says(c *v1alpha1.Connection, reason string, words ...string) {
	w.T.Helper()
	since := w.Emulator.Last(w.T)
	m := w.Ends(c, v1alpha1.ConditionReady, metav1.ConditionFalse, reason)
	for _, word := range words {
		if !strings.Contains(m, word) {
			w.T.Errorf("the message %q does not say %q", m, word)
		}
	}
	w.WroteNothing(since)
}

func TestWhatOthersHaveMadeIsNotTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(http.MethodPost, connections, theirs)
	before := w.found()
	c := declared("gh")
	c.Spec.MCPService = nil
	env.Create(t, w.Kube, c)
	w.says(w.Get("gh"), v1alpha1.ReasonNotOurs, "`adoption`", `host: "https://old.example.com" -> "https://api.example.com"`, `credential: "not known" -> "that of the Secret"`)
	t.Run("nor when it is deleted", func(*testing.T) {
		w.Remove("gh")
		w.as(before)
	})
	t.Run("adopted, it gets the options, keeps its comment and goes with the resource", func(*testing.T) {
		c := declared("gh")
		c.Spec.Adoption, c.Spec.MCPService = v1alpha1.AdoptionAdopt, nil
		env.Create(t, w.Kube, c)
		if c := w.Settle("gh"); c.Status.Adopted != "True" || c.Status.ConnectionID == "" {
			t.Errorf("status %+v", c.Status)
		}
		w.as(map[string]string{"gh": "theirs BEARER_TOKEN map[base_path:/mcp host:https://api.example.com is_mcp_connection:true port:443]"})
		since := w.Emulator.Last(t)
		w.Settle("gh")
		w.WroteNothing(since)
	})
	t.Run("made anew by somebody under the name it is another one", func(*testing.T) {
		w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.Adoption = v1alpha1.AdoptionNever })
		w.Settle("gh") // ours by the record
		w.call(http.MethodDelete, connections+"/gh", "")
		w.call(http.MethodPost, connections, theirs)
		w.says(w.Get("gh"), v1alpha1.ReasonNotOurs, "did not make it")
		w.Remove("gh")
		w.as(before)
	})
	t.Run("of another protocol it cannot be adopted", func(*testing.T) {
		c := declared("gh")
		c.Spec.Adoption, c.Spec.MCPService, c.Spec.Protocol = v1alpha1.AdoptionAdopt, nil, v1alpha1.ProtocolHTTP
		env.Create(t, w.Kube, c)
		w.says(w.Get("gh"), v1alpha1.ReasonConflict, "is one to an MCP server", "another `connectionName`")
		w.Remove("gh")
		w.as(before)
	})
	t.Run("an MCP service of somebody else", func(*testing.T) {
		w.call(http.MethodDelete, connections+"/gh", "")
		w.call(http.MethodPost, connections, strings.Replace(theirs, `"gh"`, `"gh2"`, 1))
		w.call(http.MethodPost, services+"?mcp_service_id=gh&parent=schemas/main.shared", `{"comment":"theirs","config":{"source_connection":{"name":"connections/gh2"}}}`)
		env.Create(t, w.Kube, declared("gh"))
		_ = w.Pass(t.Context(), w.Get("gh")) // the connection is made
		w.says(w.Get("gh"), v1alpha1.ReasonNotOurs, "the MCP service "+serviceName, `connection: "gh2" -> "gh"`, `tools: "*" -> "get_issue, search_*"`)
		w.Ends(w.Get("gh"), v1alpha1.ConditionMCPServiceReady, metav1.ConditionFalse, v1alpha1.ReasonNotOurs)
		w.has("gh", "gh2", "mcp-services/"+serviceName)
		w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.Adoption = v1alpha1.AdoptionAdopt })
		w.Settle("gh")
		if got := w.found()["mcp-services/"+serviceName]; got != declaredThere()["mcp-services/"+serviceName] {
			t.Errorf("adopted: %s", got)
		}
		w.Remove("gh")
		w.has("gh2")
	})
	w.quiet()
}

func TestEachConnectionHasOneOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("gh"))
	rival := declared("aaa")
	rival.Namespace, rival.Spec.Adoption, rival.Spec.MCPService = "rival", v1alpha1.AdoptionAdopt, nil
	time.Sleep(time.Until(w.Get("gh").CreationTimestamp.Add(1100 * time.Millisecond))) // times of creation are whole seconds
	env.Create(t, w.Kube, rival)
	t.Run("while there is none, the older makes it", func(*testing.T) {
		w.says(w.Find("rival", "aaa"), v1alpha1.ReasonConflict, "is that of the Connection sales/gh")
		w.has()
	})
	w.Settle("gh")
	t.Run("the mark says whose it is, whatever the age", func(*testing.T) {
		w.says(w.Find("rival", "aaa"), v1alpha1.ReasonConflict, "sales/gh, whose mark it carries")
	})
	t.Run("a rival that is deleted takes nothing with it", func(*testing.T) {
		if err := w.Kube.Delete(t.Context(), w.Find("rival", "aaa")); err != nil {
			t.Fatal(err)
		}
		if err := w.Pass(t.Context(), w.Find("rival", "aaa")); err != nil || w.Find("rival", "aaa") != nil {
			t.Errorf("it is still there: %v", err)
		}
		w.as(declaredThere())
	})
	t.Run("the mark of another installation is not taken over", func(*testing.T) {
		w.Remove("gh")
		w.call(http.MethodPost, connections, strings.Replace(theirs, `"theirs"`, `"Managed by Gatehouse: other/connection/sales/gh"`, 1))
		c := declared("gh")
		c.Spec.Adoption = v1alpha1.AdoptionAdopt
		env.Create(t, w.Kube, c)
		w.says(w.Get("gh"), v1alpha1.ReasonConflict, "another installation")
		w.Remove("gh")
		w.has("gh")
	})
}

func TestABoundaryThatShrinksTakesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("gh"))
	w.Settle("gh")
	var was v1alpha1.BoundaryConnections
	shrink := func(edit func(*v1alpha1.BoundaryConnections)) {
		t.Helper()
		w.bound(func(b *v1alpha1.BoundaryConnections) { was = *b.DeepCopy(); edit(b) })
		_ = w.Pass(t.Context(), w.Get("gh"))
	}
	back := func() {
		t.Helper()
		w.bound(func(b *v1alpha1.BoundaryConnections) { *b = was })
		w.Settle("gh")
		w.as(declaredThere())
	}
	outside := func(words string) {
		t.Helper()
		w.says(w.Get("gh"), v1alpha1.ReasonOutsideBoundary, words)
		w.Ends(w.Get("gh"), v1alpha1.ConditionWithinBoundary, metav1.ConditionFalse, v1alpha1.ReasonOutsideBoundary)
	}
	t.Run("the MCP service alone", func(*testing.T) {
		shrink(func(b *v1alpha1.BoundaryConnections) { b.MCPServices = nil })
		outside("asks for the MCP service " + serviceName)
		w.has("gh")
		back()
	})
	t.Run("the connection, with its service", func(*testing.T) {
		shrink(func(b *v1alpha1.BoundaryConnections) { b.Hosts = []v1alpha1.NamePattern{"*.example.org"} })
		outside("asks for the host api.example.com; allowed: *.example.org")
		w.has()
		back()
	})
	t.Run("an orphan stays", func(*testing.T) {
		w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.DeletionPolicy = v1alpha1.DeletionOrphan })
		w.Settle("gh")
		shrink(func(b *v1alpha1.BoundaryConnections) { b.Names = nil })
		outside("asks for the connection gh; allowed: none")
		w.as(declaredThere())
		back()
		w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.DeletionPolicy = v1alpha1.DeletionDelete })
	})
	t.Run("what was adopted stays", func(*testing.T) {
		w.Remove("gh")
		w.call(http.MethodPost, connections, theirs)
		c := declared("gh")
		c.Spec.Adoption = v1alpha1.AdoptionAdopt
		env.Create(t, w.Kube, c)
		w.Settle("gh")
		shrink(func(b *v1alpha1.BoundaryConnections) { b.Names = nil })
		outside("asks for the connection gh")
		w.has("gh") // its MCP service was ours
	})
}

func TestAWorkspaceWithoutMCPServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Emulator.Break(t, env.Fault{Match: env.FaultMatch{PathRegex: "/mcp-services", Times: -1}, Stage: "before_commit", Action: "status", Status: http.StatusNotImplemented})
	env.Create(t, w.Kube, declared("gh"))
	_ = w.Pass(t.Context(), w.Get("gh"))
	w.says(w.Get("gh"), v1alpha1.ReasonMCPServicesUnavailable, "no API for MCP services")
	w.Ends(w.Get("gh"), v1alpha1.ConditionMCPServiceReady, metav1.ConditionFalse, v1alpha1.ReasonMCPServicesUnavailable)
	if id := w.Get("gh").Status.ConnectionID; id == "" {
		t.Error("the connection is not there")
	}
	t.Run("without the service it is ready", func(*testing.T) {
		w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.MCPService = nil })
		w.Settle("gh")
	})
	w.Remove("gh")
	w.Emulator.Heal(t)
	w.has()
}

func TestSecretsThatAreNoCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("gh"))
	for token, words := range map[string]string{"": "must not be empty", "\n": "must not be empty", "a\nb": "line breaks", "a\rb": "line breaks", "a\x00b": "control characters"} {
		w.rotate(token)
		w.says(w.Get("gh"), v1alpha1.ReasonInvalid, words)
	}
	w.edit("gh", func(s *v1alpha1.ConnectionSpec) { s.BearerToken.SecretRef.Key = "other" })
	w.says(w.Get("gh"), v1alpha1.ReasonCredentialNotFound, "has no key other")
	c := declared("own")
	c.Namespace = env.OperatorNamespace
	env.Create(t, w.Kube, c)
	w.says(w.Find(env.OperatorNamespace, "own"), v1alpha1.ReasonInvalid, "are the operator's own")
	w.has()
}
