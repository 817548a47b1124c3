// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/modelendpoint"
	"github.com/gatehouse-dev/gatehouse/test/env"
	"github.com/gatehouse-dev/gatehouse/test/externaltest"
)

const (
	name    = env.EndpointName
	path    = "/api/2.0/serving-endpoints/" + name
	theirs  = `{"calls":900,"key":"user_group","principal":"analysts","renewal_period":"minute"}`
	others  = `{"rate_limits":[` + theirs + `],"guardrails":{"output":{"invalid_keywords":["falcon"]}}}`
	ourMark = "test/modelendpoint/sales/model"
)

// world is one with a Role, an endpoint that others have configured in part, and two
// service principals that may ask it.
type world struct {
	*externaltest.World[*v1alpha1.ModelEndpoint]
	west, other *env.User
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{World: externaltest.New[*v1alpha1.ModelEndpoint](t)}
	w.Options = externaltest.Options[*v1alpha1.ModelEndpoint]{Namespace: "sales", Restart: true, Passes: 6, Start: w.start}
	w.Emulator.SQL(t, "CREATE CATALOG main")
	w.west, w.other = w.Emulator.User(t, "west"), w.Emulator.User(t, "other")
	w.Emulator.Permit(t, env.KindServingEndpoint, name, false, nil, map[string]string{w.west.ID: "CAN_QUERY", w.other.ID: "CAN_QUERY"})
	w.set(others)
	for _, space := range []string{"sales", "rival"} {
		w.Tenant(space, nil, func(b *v1alpha1.BoundarySpec) {
			b.ModelEndpoints = v1alpha1.BoundaryModelEndpoints{Names: []v1alpha1.NamePattern{name, "gone-*"}, PayloadTables: []v1alpha1.NamePattern{"main.logs.*", "main.audit.*"}}
		})
	}
	w.role("west", w.west.ID)
	return w
}

// role makes a Role whose service principal is known, if it has one.
func (w *world) role(name, applicationID string) {
	w.T.Helper()
	r := &v1alpha1.Role{}
	err := w.Kube.Get(w.T.Context(), client.ObjectKey{Namespace: "sales", Name: name}, r)
	if apierrors.IsNotFound(err) {
		r = &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: name}, Spec: v1alpha1.RoleSpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}}}
		env.Create(w.T, w.Kube, r)
	} else if err != nil {
		w.T.Fatal(err)
	}
	r.Status.ServicePrincipal.ApplicationID = applicationID
	if err := w.Kube.Status().Update(w.T.Context(), r); err != nil {
		w.T.Fatal(err)
	}
}

func (w *world) set(gateway string) {
	w.T.Helper()
	w.Emulator.Do(w.T, http.MethodPut, w.Emulator.WorkspaceURL, path+"/ai-gateway", gateway, nil)
}

func (w *world) tag(body string) {
	w.T.Helper()
	w.Emulator.Do(w.T, http.MethodPatch, w.Emulator.WorkspaceURL, path+"/tags", body, nil)
}

// seen is the configuration and the tags that the endpoint has.
func (w *world) seen() (gateway map[string]any, mark string) {
	w.T.Helper()
	var out struct {
		Gateway map[string]any `json:"ai_gateway"`
		Tags    []struct{ Key, Value string }
	}
	w.Emulator.Do(w.T, http.MethodGet, w.Emulator.WorkspaceURL, path, "", &out)
	for _, t := range out.Tags {
		if t.Key == "gatehouse" {
			mark = t.Value
		}
	}
	return out.Gateway, mark
}

// has checks the whole configuration and the mark.
func (w *world) has(gateway, mark string) {
	w.T.Helper()
	var want map[string]any
	if err := json.Unmarshal([]byte(gateway), &want); err != nil {
		w.T.Fatal(err)
	}
	got, tag := w.seen()
	if diff := cmp.Diff(want, got); diff != "" || tag != mark {
		w.T.Errorf("the mark is %q, want %q; the configuration (-want +got):\n%s", tag, mark, diff)
	}
}

// declared limits West and the endpoint, and hides personal data.
func declared(name string) *v1alpha1.ModelEndpoint {
	return &v1alpha1.ModelEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: name}, Spec: v1alpha1.ModelEndpointSpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, EndpointName: env.EndpointName, DeletionPolicy: v1alpha1.DeletionDelete,
		RateLimits: []v1alpha1.EndpointRateLimit{
			{Role: &v1alpha1.LocalReference{Name: "west"}, CallsPerMinute: 2},
			{Endpoint: &v1alpha1.WholeEndpoint{}, CallsPerMinute: 500, TokensPerMinute: 9000},
		},
		Guardrails: &v1alpha1.EndpointGuardrails{Output: &v1alpha1.Guardrail{PII: v1alpha1.PIIMask}},
	}}
}

// first is the configuration under the declared spec, second under the changed one.
func (w *world) first() string {
	return `{"rate_limits":[` + theirs + `,{"calls":500,"tokens":9000,"key":"endpoint","renewal_period":"minute"},` + w.limit(2) + `],` +
		`"guardrails":{"output":{"invalid_keywords":["falcon"],"pii":{"behavior":"MASK"}}}}`
}

func (w *world) second() string {
	return `{"rate_limits":[` + theirs + `,` + w.limit(3) + `],"guardrails":{"input":{"pii":{"behavior":"BLOCK"}},"output":{"invalid_keywords":["falcon"]}}}`
}

func (w *world) limit(calls int) string {
	raw, _ := json.Marshal(map[string]any{"calls": calls, "key": "service_principal", "principal": w.west.ID, "renewal_period": "minute"})
	return string(raw)
}

func changed(s *v1alpha1.ModelEndpointSpec) {
	s.RateLimits = []v1alpha1.EndpointRateLimit{{Role: &v1alpha1.LocalReference{Name: "west"}, CallsPerMinute: 3}}
	s.Guardrails = &v1alpha1.EndpointGuardrails{Input: &v1alpha1.Guardrail{PII: v1alpha1.PIIBlock}}
}

func (w *world) options() modelendpoint.Options {
	return modelendpoint.Options{Connect: w.Connector(), Installation: externaltest.Installation}
}

func (w *world) start() externaltest.Operator[*v1alpha1.ModelEndpoint] {
	loop := modelendpoint.NewReconciler(w.Kube, w.Recorder, w.options())
	return func(ctx context.Context, m *v1alpha1.ModelEndpoint) error {
		_, err := loop.Reconcile(ctx, m)
		return err
	}
}

// ends makes a pass and returns the message of a condition that must have a reason, and be False.
func (w *world) ends(m *v1alpha1.ModelEndpoint, condition, reason string) string {
	w.T.Helper()
	return w.Ends(m, condition, metav1.ConditionFalse, reason)
}

func (w *world) edit(name string, change func(*v1alpha1.ModelEndpointSpec)) {
	w.T.Helper()
	w.Edit(name, func(m *v1alpha1.ModelEndpoint) { change(&m.Spec) })
}

func TestTheAdapterKeepsTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := declared("model")
	env.Create(t, w.Kube, m)
	start := w.Emulator.Last(t)
	externaltest.Run(t, modelendpoint.NewKind(w.Kube, w.options()), externaltest.Case[*v1alpha1.ModelEndpoint]{
		Object: m, Faults: w.ReadFaults(path),
		Writes: func() int { return len(w.Emulator.Writes(t, start)) },
		Others: func() any {
			g, _ := w.seen()
			limits, _ := g["rate_limits"].([]any)
			return []any{limits[0], g["guardrails"].(map[string]any)["output"].(map[string]any)["invalid_keywords"]}
		},
	})
	w.has(others, "")
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("model"))
	m := w.Settle("model")
	w.has(w.first(), ourMark)
	want := []v1alpha1.AppliedRateLimit{
		{Key: "endpoint", CallsPerMinute: 500, TokensPerMinute: 9000}, {Key: "service_principal", Principal: w.west.ID, Role: "west", CallsPerMinute: 2},
	}
	if diff := cmp.Diff(want, m.Status.RateLimits); diff != "" || m.Status.Mark != ourMark || len(m.Status.Applied) != 3 {
		t.Errorf("status %+v\n%s", m.Status, diff)
	}
	quiet := func(t *testing.T) { t.Helper(); w.In(t, func() { w.Steady("model") }) }
	t.Run("a second pass writes nothing", quiet)
	t.Run("the role is limited, another principal is not", func(t *testing.T) {
		for i, want := range []int{200, 200, 429} {
			if got := w.west.Ask(t, name, "What is there?"); got != want {
				t.Errorf("call %d of the role: %d, want %d", i+1, got, want)
			}
		}
		for range 3 {
			if got := w.other.Ask(t, name, "What is there?"); got != 200 {
				t.Errorf("another principal: %d", got)
			}
		}
	})
	t.Run("drift is repaired", func(*testing.T) {
		w.set(others)
		w.Settle("model")
		w.has(w.first(), ourMark)
		w.tag(`{"delete_tags":["gatehouse"]}`)
		w.Settle("model")
		w.has(w.first(), ourMark)
	})
	t.Run("a lost status finds it again", func(t *testing.T) {
		before := w.Get("model").Status
		w.EditStatus("model", func(m *v1alpha1.ModelEndpoint) { m.Status = v1alpha1.ModelEndpointStatus{} })
		since := w.Emulator.Last(t)
		if after := w.Settle("model").Status; !cmp.Equal(before.Applied, after.Applied) || !cmp.Equal(before.RateLimits, after.RateLimits) {
			t.Errorf("before %+v, after %+v", before, after)
		}
		w.WroteNothing(since)
	})
	t.Run("another spec takes one write and leaves nothing of the old one", func(t *testing.T) {
		since := w.Emulator.Last(t)
		w.edit("model", changed)
		w.Settle("model")
		w.has(w.second(), ourMark)
		if writes := w.Emulator.Writes(t, since); len(writes) != 1 {
			t.Errorf("writes: %v", writes)
		}
		quiet(t)
	})
	t.Run("a Role without a service principal, another one, and none", func(t *testing.T) {
		w.role("west", "")
		if m := w.ends(w.Get("model"), v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonRoleNotReady); !strings.Contains(m, "west") {
			t.Error(m)
		}
		w.has(w.second(), ourMark)
		since := w.Emulator.Last(t)
		w.role("west", w.other.ID)
		w.Settle("model")
		w.has(strings.ReplaceAll(w.second(), w.west.ID, w.other.ID), ourMark)
		if writes := w.Emulator.Writes(t, since); len(writes) != 1 {
			t.Errorf("the limit was moved in %v", writes)
		}
		w.Delete(&v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "west"}})
		w.ends(w.Get("model"), v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonRoleNotFound)
		w.has(`{"rate_limits":[`+theirs+`],"guardrails":{"input":{"pii":{"behavior":"BLOCK"}},"output":{"invalid_keywords":["falcon"]}}}`, ourMark)
		w.role("west", w.west.ID)
		w.Settle("model")
		w.has(w.second(), ourMark)
	})
	t.Run("a smaller Boundary leaves limits in place", func(t *testing.T) {
		allow := func(names ...v1alpha1.NamePattern) {
			w.Bound("sales", func(b *v1alpha1.BoundarySpec) { b.ModelEndpoints.Names = names })
		}
		allow("nothing")
		if m := w.ends(w.Get("model"), v1alpha1.ConditionWithinBoundary, v1alpha1.ReasonOutsideBoundary); !strings.Contains(m, name) {
			t.Error(m)
		}
		w.has(w.second(), ourMark)
		allow(name, "gone-*")
		w.Settle("model")
	})
	t.Run("deleting takes off what it had set", func(*testing.T) {
		w.Remove("model")
		w.has(others, "")
	})
	t.Run("an orphan leaves everything, and its mark is in nobody's way", func(t *testing.T) {
		m := declared("model")
		m.Spec.DeletionPolicy = "" // the default
		env.Create(t, w.Kube, m)
		w.Settle("model")
		w.Remove("model")
		w.has(w.first(), ourMark)
		env.Create(t, w.Kube, declared("heir"))
		if m := w.ends(w.Get("heir"), v1alpha1.ConditionReady, v1alpha1.ReasonNotOurs); !strings.Contains(m, "Adopt") {
			t.Error(m)
		}
		w.edit("heir", func(s *v1alpha1.ModelEndpointSpec) { s.Adoption = v1alpha1.AdoptionAdopt })
		w.Settle("heir")
		w.has(w.first(), "test/modelendpoint/sales/heir")
		w.Remove("heir")
		w.has(others, "")
	})
}

func TestWhatOthersHaveSetIsNotTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	configured := `{"rate_limits":[{"calls":7,"renewal_period":"minute"}]}`
	w.set(configured)
	env.Create(t, w.Kube, declared("model"))
	since := w.Emulator.Last(t)
	says := w.ends(w.Get("model"), v1alpha1.ConditionReady, v1alpha1.ReasonNotOurs)
	if !strings.Contains(says, `rate_limits/endpoint: "{calls:7}" -> "{calls:500,tokens:9000}"`) {
		t.Errorf("the message does not show what adoption would do: %s", says)
	}
	w.Remove("model")
	w.tag(`{"add_tags":[{"key":"gatehouse","value":"another/modelendpoint/a/b"}]}`)
	m := declared("model")
	m.Spec.Adoption = v1alpha1.AdoptionAdopt
	env.Create(t, w.Kube, m)
	if says := w.ends(w.Get("model"), v1alpha1.ConditionReady, v1alpha1.ReasonConflict); !strings.Contains(says, "another/modelendpoint/a/b") {
		t.Error(says)
	}
	w.Remove("model")
	for _, c := range w.Emulator.Calls(t, since) {
		if c.Committed && strings.HasSuffix(c.Path, "/ai-gateway") {
			t.Errorf("written: %+v", c)
		}
	}
	w.has(configured, "another/modelendpoint/a/b")
	w.tag(`{"delete_tags":["gatehouse"]}`)
	m = declared("model")
	m.Spec.Adoption, m.Spec.ManagementPolicy = v1alpha1.AdoptionAdopt, v1alpha1.ManagementObserveOnly
	env.Create(t, w.Kube, m)
	w.ends(w.Get("model"), v1alpha1.ConditionSynced, v1alpha1.ReasonObserveOnly)
	w.has(configured, "")
	w.edit("model", func(s *v1alpha1.ModelEndpointSpec) { s.ManagementPolicy = v1alpha1.ManagementEnforce })
	w.Settle("model")
	w.has(`{"rate_limits":[{"calls":500,"tokens":9000,"key":"endpoint","renewal_period":"minute"},`+w.limit(2)+`],"guardrails":{"output":{"pii":{"behavior":"MASK"}}}}`, ourMark)
}

func TestEachEndpointHasOneOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("model"))
	time.Sleep(time.Until(w.Get("model").CreationTimestamp.Add(1100 * time.Millisecond))) // times of creation are whole seconds
	rival := declared("aaa")
	rival.Namespace = "rival"
	rival.Spec.RateLimits = rival.Spec.RateLimits[1:]
	env.Create(t, w.Kube, rival)
	if says := w.ends(w.Find("rival", "aaa"), v1alpha1.ConditionReady, v1alpha1.ReasonConflict); !strings.Contains(says, "sales/model is older") {
		t.Error(says)
	}
	w.has(others, "")
	w.Settle("model")
	if says := w.ends(w.Find("rival", "aaa"), v1alpha1.ConditionReady, v1alpha1.ReasonConflict); !strings.Contains(says, ourMark) {
		t.Error(says)
	}
	w.has(w.first(), ourMark)
}

func TestWhatCannotBeHad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for label, c := range map[string]struct {
		edit              func(*v1alpha1.ModelEndpointSpec)
		condition, reason string
		says              string
	}{
		"endpoint": {func(s *v1alpha1.ModelEndpointSpec) { s.EndpointName = "gone-x" }, v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonSecurableNotFound, "gone-x"},
		"outside":  {func(s *v1alpha1.ModelEndpointSpec) { s.EndpointName = "hr" }, v1alpha1.ConditionWithinBoundary, v1alpha1.ReasonOutsideBoundary, "allowed: " + name},
		"table": {func(s *v1alpha1.ModelEndpointSpec) {
			s.PayloadLogging = &v1alpha1.PayloadLogging{Catalog: "main", Schema: "hr", TablePrefix: "x"}
		}, v1alpha1.ConditionWithinBoundary, v1alpha1.ReasonOutsideBoundary, "main.hr.x"},
		"twice": {func(s *v1alpha1.ModelEndpointSpec) { s.RateLimits = append(s.RateLimits, s.RateLimits[0]) }, v1alpha1.ConditionReady, v1alpha1.ReasonInvalid, "the role west"},
	} {
		t.Run(label, func(t *testing.T) {
			w.T = t
			m := declared("the-" + label)
			c.edit(&m.Spec)
			env.Create(t, w.Kube, m)
			if says := w.ends(w.Get(m.Name), c.condition, c.reason); !strings.Contains(says, c.says) {
				t.Errorf("the message %q does not say %q", says, c.says)
			}
			w.Remove(m.Name)
			w.has(others, "")
		})
	}
	w.T = t
	t.Run("while the endpoint is busy", func(t *testing.T) {
		env.Create(t, w.Kube, declared("model"))
		w.Settle("model")
		w.edit("model", changed)
		w.Emulator.Break(t, env.Fault{Match: env.FaultMatch{Method: "GET", PathRegex: path}, Stage: "before_commit", Action: "status", Status: 409})
		_ = w.Pass(t.Context(), w.Get("model"))
		w.Emulator.Heal(t)
		w.has(w.first(), ourMark)
		w.Settle("model")
		w.has(w.second(), ourMark)
	})
}

// TestAConcurrentWriterLosesNothing lets somebody else write after each of our reads
// but the last, and over our write.
func TestAConcurrentWriterLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.Kube, declared("model"))
	w.Settle("model")
	const more = `{"calls":44,"key":"user","renewal_period":"minute"}`
	for _, c := range []struct {
		method, path string
		nth          int
	}{{"GET", "/" + name + "$", 1}, {"GET", "/" + name + "$", 2}, {"PUT", "/ai-gateway$", 1}} {
		w.edit("model", func(s *v1alpha1.ModelEndpointSpec) { *s = declared("model").Spec })
		w.set(others)
		w.Settle("model")
		struck := 0
		act := func() {
			if struck++; struck == 1 { // with what was read before ours was there
				w.set(strings.Replace(others, theirs, theirs+","+more, 1))
			}
		}
		w.edit("model", changed)
		w.OnCall("after_commit", env.FaultMatch{Method: c.method, PathRegex: c.path, Nth: c.nth}, act)
		w.Settle("model")
		w.Emulator.Heal(t)
		if struck == 0 {
			t.Errorf("%v was not made", c)
		}
		w.has(strings.Replace(w.second(), theirs, theirs+","+more, 1), ourMark)
	}
}

// TestACrashAtAnyCallEndsTheSame lets the operator crash at each call of creating,
// changing and deleting a ModelEndpoint, and of moving its payload logging: before it takes effect, after that, and
// after its answer. A new operator then finishes.
func TestACrashAtAnyCallEndsTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Emulator.SQL(t, "CREATE SCHEMA main.logs", "CREATE SCHEMA main.audit")
	for _, stage := range externaltest.Stages {
		for act, want := range map[string][2]string{
			"create": {w.first(), ourMark}, "change": {w.second(), ourMark}, "move": {w.logging("audit"), ourMark}, "delete": {others, ""},
		} {
			t.Run(act+" "+stage, func(t *testing.T) {
				w.T = t
				externaltest.EachCall(t, 4, func(n int) bool { return w.crash(act, stage, n, want) })
			})
		}
	}
}

// crash lets the operator crash at the nth call of an act, checks what a new one
// makes of it, and says whether there was an nth call.
func (w *world) crash(act, stage string, n int, want [2]string) bool {
	t := w.T
	env.Create(t, w.Kube, declared("model"))
	if act != "create" {
		w.Settle("model")
	}
	switch act {
	case "change":
		w.edit("model", changed)
	case "move":
		w.edit("model", payloads("logs"))
		w.Settle("model")
		w.edit("model", payloads("audit"))
	case "delete":
		w.Delete(w.Get("model"))
	}
	crashed, _ := w.CrashAt(w.Get("model"), stage, env.FaultMatch{PathRegex: "^" + path, Nth: n})
	if g, _ := w.seen(); (act == "change" || act == "move") && !strings.Contains(text(g), w.west.ID) {
		t.Errorf("the crash left the role without a limit: %v", g)
	}
	w.Settle("model")
	w.has(want[0], want[1])
	if act != "delete" {
		w.Remove("model")
		w.has(others, "")
	}
	return crashed
}

func text(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}
