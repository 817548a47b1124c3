// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/modelendpoint"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
	"github.com/gatehouse-dev/gatehouse/internal/connect"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external/externaltest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const (
	name    = env.EndpointName
	path    = "/api/2.0/serving-endpoints/" + name
	theirs  = `{"calls":900,"key":"user_group","principal":"analysts","renewal_period":"minute"}`
	others  = `{"rate_limits":[` + theirs + `],"guardrails":{"output":{"invalid_keywords":["falcon"]}}}`
	ourMark = "test/modelendpoint/sales/model"
)

// world is a cluster with a Role, an emulator with an endpoint that others have configured
// in part, and two service principals that may ask it.
type world struct {
	t           *testing.T
	kube        client.WithWatch
	emulator    *env.Emulator
	recorder    *events.FakeRecorder
	west, other *env.Person
	// dead makes the cluster unreachable: the operator has crashed.
	dead atomic.Bool
	// end ends the crashed operator's calls.
	end    atomic.Pointer[context.CancelFunc]
	hook   *httptest.Server
	struck atomic.Pointer[func()]
}

var errCrashed = errors.New("the operator has crashed")

func newWorld(t *testing.T) *world {
	t.Helper()
	config, c := env.Cluster(t)
	w := &world{t: t, emulator: env.NewEmulator(t), recorder: events.NewFakeRecorder(10000)}
	plain, err := client.NewWithWatch(config, client.Options{Scheme: env.Scheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	w.kube = interceptor.NewClient(plain, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			if w.dead.Load() {
				return errCrashed
			}
			return c.Patch(ctx, o, p, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			if w.dead.Load() {
				return errCrashed
			}
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	})
	w.hook = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { (*w.struck.Load())() }))
	t.Cleanup(w.hook.Close)
	env.Workspace(t, c, w.emulator)
	w.emulator.SQL(t, "CREATE CATALOG main")
	w.west, w.other = w.emulator.Person(t, "west"), w.emulator.Person(t, "other")
	w.emulator.Permit(t, env.KindServingEndpoint, name, false, nil, map[string]string{w.west.ID: "CAN_QUERY", w.other.ID: "CAN_QUERY"})
	w.set(others)
	for _, space := range []string{"sales", "rival"} {
		ns := env.Namespace(t, c, space, nil)
		env.Create(t, c, &v1alpha1.Boundary{ObjectMeta: metav1.ObjectMeta{Name: space}, Spec: v1alpha1.BoundarySpec{
			Namespaces: []v1alpha1.BoundaryNamespace{{Name: space, UID: string(ns.UID)}}, Workspaces: []v1alpha1.NamePattern{"main"},
			ModelEndpoints: v1alpha1.BoundaryModelEndpoints{Names: []v1alpha1.NamePattern{name, "gone-*"}, PayloadTables: []v1alpha1.NamePattern{"main.logs.*", "main.audit.*"}},
		}})
	}
	w.role("west", w.west.ID)
	return w
}

// role makes a Role whose service principal is known, if it has one.
func (w *world) role(name, applicationID string) {
	w.t.Helper()
	r := &v1alpha1.Role{}
	err := w.kube.Get(w.t.Context(), client.ObjectKey{Namespace: "sales", Name: name}, r)
	if apierrors.IsNotFound(err) {
		r = &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: name}, Spec: v1alpha1.RoleSpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}}}
		env.Create(w.t, w.kube, r)
	} else if err != nil {
		w.t.Fatal(err)
	}
	r.Status.ServicePrincipal.ApplicationID = applicationID
	if err := w.kube.Status().Update(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) set(gateway string) {
	w.t.Helper()
	w.emulator.Do(w.t, http.MethodPut, w.emulator.WorkspaceURL, path+"/ai-gateway", gateway, nil)
}

func (w *world) tag(body string) {
	w.t.Helper()
	w.emulator.Do(w.t, http.MethodPatch, w.emulator.WorkspaceURL, path+"/tags", body, nil)
}

// seen is the configuration and the tags that the endpoint has.
func (w *world) seen() (gateway map[string]any, mark string) {
	w.t.Helper()
	var out struct {
		Gateway map[string]any `json:"ai_gateway"`
		Tags    []struct{ Key, Value string }
	}
	w.emulator.Do(w.t, http.MethodGet, w.emulator.WorkspaceURL, path, "", &out)
	for _, t := range out.Tags {
		if t.Key == "gatehouse" {
			mark = t.Value
		}
	}
	return out.Gateway, mark
}

// has checks the whole configuration and the mark.
func (w *world) has(gateway, mark string) {
	w.t.Helper()
	var want map[string]any
	if err := json.Unmarshal([]byte(gateway), &want); err != nil {
		w.t.Fatal(err)
	}
	got, tag := w.seen()
	if diff := cmp.Diff(want, got); diff != "" || tag != mark {
		w.t.Errorf("the mark is %q, want %q; the configuration (-want +got):\n%s", tag, mark, diff)
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

func (w *world) connector() *connect.Connector {
	return connect.New(connect.Options{
		Workspaces: w.kube, Secrets: w.kube, Namespace: env.OperatorNamespace,
		Pool: admin.NewPool(admin.PoolOptions{UserAgent: "test", RequestsPerSecond: 2000}),
	})
}

// pass is one pass of a freshly started operator.
func (w *world) pass(ctx context.Context, m *v1alpha1.ModelEndpoint) error {
	loop := modelendpoint.NewReconciler(w.kube, w.recorder, modelendpoint.Options{Connect: w.connector(), Installation: "test"})
	_, err := loop.Reconcile(ctx, m)
	return err
}

// find reads a ModelEndpoint; nil when it is gone.
func (w *world) find(namespace, name string) *v1alpha1.ModelEndpoint {
	w.t.Helper()
	m := &v1alpha1.ModelEndpoint{}
	err := w.kube.Get(w.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, m)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) get(name string) *v1alpha1.ModelEndpoint { w.t.Helper(); return w.find("sales", name) }

// settle runs passes until the ModelEndpoint is Ready for its generation, or gone.
func (w *world) settle(name string) *v1alpha1.ModelEndpoint {
	w.t.Helper()
	var last error
	for range 6 {
		m := w.get(name)
		if m == nil {
			return nil
		}
		last = w.pass(w.t.Context(), m)
		if m = w.get(name); m == nil {
			return nil
		}
		if problems := conditions.Problems(m.Status.Conditions, m.Generation); len(problems) > 0 {
			w.t.Errorf("conditions: %v", problems)
		}
		c := meta.FindStatusCondition(m.Status.Conditions, v1alpha1.ConditionReady)
		if c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == m.Generation && m.DeletionTimestamp.IsZero() {
			return m
		}
	}
	w.t.Fatalf("%s did not settle: %v %+v", name, last, w.get(name).Status.Conditions)
	return nil
}

// ends makes a pass and returns a condition that must have a reason, and be False.
func (w *world) ends(m *v1alpha1.ModelEndpoint, condition, reason string) string {
	w.t.Helper()
	if err := w.pass(w.t.Context(), m); err != nil && reason != v1alpha1.ReasonInvalid {
		w.t.Errorf("%s: %v", m.Name, err)
	}
	m = w.find(m.Namespace, m.Name)
	c := meta.FindStatusCondition(m.Status.Conditions, condition)
	if c == nil || c.Status != metav1.ConditionFalse || c.Reason != reason {
		w.t.Fatalf("conditions of %s are %+v, want %s False for %s", m.Name, m.Status.Conditions, condition, reason)
	}
	return c.Message
}

func (w *world) edit(name string, change func(*v1alpha1.ModelEndpointSpec)) {
	w.t.Helper()
	m := w.get(name)
	change(&m.Spec)
	if err := w.kube.Update(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(name string) {
	w.t.Helper()
	if m := w.get(name); m != nil {
		if err := w.kube.Delete(w.t.Context(), m); err != nil {
			w.t.Fatal(err)
		}
	}
	if w.settle(name) != nil {
		w.t.Errorf("%s is still there", name)
	}
}

func TestTheAdapterKeepsTheContract(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := declared("model")
	env.Create(t, w.kube, m)
	faults := map[string]externaltest.Fault{}
	for name, f := range map[string]struct {
		status int
		want   fault.Class
	}{"rate limited": {429, fault.ClassRateLimited}, "denied": {403, fault.ClassDenied}, "failing": {500, fault.ClassTransient}} {
		faults[name] = externaltest.Fault{
			Break: func() {
				w.emulator.Break(t, env.Fault{Match: env.FaultMatch{Method: "GET", PathRegex: path}, Stage: "before_commit", Action: "status", Status: f.status})
			},
			Heal: func() { w.emulator.Heal(t) },
			Want: f.want,
		}
	}
	start := w.emulator.Last(t)
	externaltest.Run(t, modelendpoint.NewAdapter(w.kube, modelendpoint.Options{Connect: w.connector(), Installation: "test"}), externaltest.Case[*v1alpha1.ModelEndpoint]{
		Object: m, Faults: faults,
		Writes: func() int { return len(w.emulator.Writes(t, start)) },
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
	env.Create(t, w.kube, declared("model"))
	m := w.settle("model")
	w.has(w.first(), ourMark)
	want := []v1alpha1.AppliedRateLimit{
		{Key: "endpoint", CallsPerMinute: 500, TokensPerMinute: 9000}, {Key: "service_principal", Principal: w.west.ID, Role: "west", CallsPerMinute: 2},
	}
	if diff := cmp.Diff(want, m.Status.RateLimits); diff != "" || m.Status.Mark != ourMark || len(m.Status.Applied) != 3 {
		t.Errorf("status %+v\n%s", m.Status, diff)
	}
	quiet := func(t *testing.T) {
		t.Helper()
		before, since := w.get("model").ResourceVersion, w.emulator.Last(t)
		w.settle("model")
		w.settle("model")
		if writes := w.emulator.Writes(t, since); len(writes) > 0 {
			t.Errorf("writes without a change: %v", writes)
		}
		if after := w.get("model").ResourceVersion; after != before {
			t.Errorf("the resource was written: %s, %s", before, after)
		}
	}
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
		w.settle("model")
		w.has(w.first(), ourMark)
		w.tag(`{"delete_tags":["gatehouse"]}`)
		w.settle("model")
		w.has(w.first(), ourMark)
	})
	t.Run("a lost status finds it again", func(t *testing.T) {
		m := w.get("model")
		before := m.Status.DeepCopy()
		m.Status = v1alpha1.ModelEndpointStatus{}
		if err := w.kube.Status().Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		since := w.emulator.Last(t)
		if after := w.settle("model").Status; !cmp.Equal(before.Applied, after.Applied) || !cmp.Equal(before.RateLimits, after.RateLimits) {
			t.Errorf("before %+v, after %+v", before, after)
		}
		if writes := w.emulator.Writes(t, since); len(writes) > 0 {
			t.Errorf("writes without a difference: %v", writes)
		}
	})
	t.Run("another spec takes one write and leaves nothing of the old one", func(t *testing.T) {
		since := w.emulator.Last(t)
		w.edit("model", changed)
		w.settle("model")
		w.has(w.second(), ourMark)
		if writes := w.emulator.Writes(t, since); len(writes) != 1 {
			t.Errorf("writes: %v", writes)
		}
		quiet(t)
	})
	t.Run("a Role without a service principal, another one, and none", func(t *testing.T) {
		w.role("west", "")
		if m := w.ends(w.get("model"), v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonRoleNotReady); !strings.Contains(m, "west") {
			t.Error(m)
		}
		w.has(w.second(), ourMark)
		since := w.emulator.Last(t)
		w.role("west", w.other.ID)
		w.settle("model")
		w.has(strings.ReplaceAll(w.second(), w.west.ID, w.other.ID), ourMark)
		if writes := w.emulator.Writes(t, since); len(writes) != 1 {
			t.Errorf("the limit was moved in %v", writes)
		}
		r := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "west"}}
		if err := w.kube.Delete(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		w.ends(w.get("model"), v1alpha1.ConditionReferencesResolved, v1alpha1.ReasonRoleNotFound)
		w.has(`{"rate_limits":[`+theirs+`],"guardrails":{"input":{"pii":{"behavior":"BLOCK"}},"output":{"invalid_keywords":["falcon"]}}}`, ourMark)
		w.role("west", w.west.ID)
		w.settle("model")
		w.has(w.second(), ourMark)
	})
	t.Run("a smaller Boundary leaves limits in place", func(t *testing.T) {
		b := &v1alpha1.Boundary{}
		allow := func(names ...v1alpha1.NamePattern) {
			if err := w.kube.Get(t.Context(), client.ObjectKey{Name: "sales"}, b); err != nil {
				t.Fatal(err)
			}
			b.Spec.ModelEndpoints.Names = names
			if err := w.kube.Update(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		allow("nothing")
		if m := w.ends(w.get("model"), v1alpha1.ConditionWithinBoundary, v1alpha1.ReasonOutsideBoundary); !strings.Contains(m, name) {
			t.Error(m)
		}
		w.has(w.second(), ourMark)
		allow(name, "gone-*")
		w.settle("model")
	})
	t.Run("deleting takes off what it had set", func(*testing.T) {
		w.remove("model")
		w.has(others, "")
	})
	t.Run("an orphan leaves everything, and its mark is in nobody's way", func(t *testing.T) {
		m := declared("model")
		m.Spec.DeletionPolicy = "" // the default
		env.Create(t, w.kube, m)
		w.settle("model")
		w.remove("model")
		w.has(w.first(), ourMark)
		env.Create(t, w.kube, declared("heir"))
		if m := w.ends(w.get("heir"), v1alpha1.ConditionReady, v1alpha1.ReasonNotOurs); !strings.Contains(m, "Adopt") {
			t.Error(m)
		}
		w.edit("heir", func(s *v1alpha1.ModelEndpointSpec) { s.Adoption = v1alpha1.AdoptionAdopt })
		w.settle("heir")
		w.has(w.first(), "test/modelendpoint/sales/heir")
		w.remove("heir")
		w.has(others, "")
	})
}

func TestWhatOthersHaveSetIsNotTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	configured := `{"rate_limits":[{"calls":7,"renewal_period":"minute"}]}`
	w.set(configured)
	env.Create(t, w.kube, declared("model"))
	since := w.emulator.Last(t)
	says := w.ends(w.get("model"), v1alpha1.ConditionReady, v1alpha1.ReasonNotOurs)
	if !strings.Contains(says, `rate_limits/endpoint: "{calls:7}" -> "{calls:500,tokens:9000}"`) {
		t.Errorf("the message does not show what adoption would do: %s", says)
	}
	w.remove("model")
	w.tag(`{"add_tags":[{"key":"gatehouse","value":"another/modelendpoint/a/b"}]}`)
	m := declared("model")
	m.Spec.Adoption = v1alpha1.AdoptionAdopt
	env.Create(t, w.kube, m)
	if says := w.ends(w.get("model"), v1alpha1.ConditionReady, v1alpha1.ReasonConflict); !strings.Contains(says, "another/modelendpoint/a/b") {
		t.Error(says)
	}
	w.remove("model")
	for _, c := range w.emulator.Calls(t, since) {
		if c.Committed && strings.HasSuffix(c.Path, "/ai-gateway") {
			t.Errorf("written: %+v", c)
		}
	}
	w.has(configured, "another/modelendpoint/a/b")
	w.tag(`{"delete_tags":["gatehouse"]}`)
	m = declared("model")
	m.Spec.Adoption, m.Spec.ManagementPolicy = v1alpha1.AdoptionAdopt, v1alpha1.ManagementObserveOnly
	env.Create(t, w.kube, m)
	w.ends(w.get("model"), v1alpha1.ConditionSynced, v1alpha1.ReasonObserveOnly)
	w.has(configured, "")
	w.edit("model", func(s *v1alpha1.ModelEndpointSpec) { s.ManagementPolicy = v1alpha1.ManagementEnforce })
	w.settle("model")
	w.has(`{"rate_limits":[{"calls":500,"tokens":9000,"key":"endpoint","renewal_period":"minute"},`+w.limit(2)+`],"guardrails":{"output":{"pii":{"behavior":"MASK"}}}}`, ourMark)
}

func TestEachEndpointHasOneOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.kube, declared("model"))
	time.Sleep(time.Until(w.get("model").CreationTimestamp.Add(1100 * time.Millisecond))) // times of creation are whole seconds
	rival := declared("aaa")
	rival.Namespace = "rival"
	rival.Spec.RateLimits = rival.Spec.RateLimits[1:]
	env.Create(t, w.kube, rival)
	if says := w.ends(w.find("rival", "aaa"), v1alpha1.ConditionReady, v1alpha1.ReasonConflict); !strings.Contains(says, "sales/model is older") {
		t.Error(says)
	}
	w.has(others, "")
	w.settle("model")
	if says := w.ends(w.find("rival", "aaa"), v1alpha1.ConditionReady, v1alpha1.ReasonConflict); !strings.Contains(says, ourMark) {
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
			w.t = t
			m := declared("the-" + label)
			c.edit(&m.Spec)
			env.Create(t, w.kube, m)
			if says := w.ends(w.get(m.Name), c.condition, c.reason); !strings.Contains(says, c.says) {
				t.Errorf("the message %q does not say %q", says, c.says)
			}
			w.remove(m.Name)
			w.has(others, "")
		})
	}
	w.t = t
	t.Run("while the endpoint is busy", func(t *testing.T) {
		env.Create(t, w.kube, declared("model"))
		w.settle("model")
		w.edit("model", changed)
		w.emulator.Break(t, env.Fault{Match: env.FaultMatch{Method: "GET", PathRegex: path}, Stage: "before_commit", Action: "status", Status: 409})
		_ = w.pass(t.Context(), w.get("model"))
		w.emulator.Heal(t)
		w.has(w.first(), ourMark)
		w.settle("model")
		w.has(w.second(), ourMark)
	})
}

// TestAConcurrentWriterLosesNothing lets somebody else write after each of our reads
// but the last, and over our write.
func TestAConcurrentWriterLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	env.Create(t, w.kube, declared("model"))
	w.settle("model")
	const more = `{"calls":44,"key":"user","renewal_period":"minute"}`
	for _, c := range []struct {
		method, path string
		nth          int
	}{{"GET", "/" + name + "$", 1}, {"GET", "/" + name + "$", 2}, {"PUT", "/ai-gateway$", 1}} {
		w.edit("model", func(s *v1alpha1.ModelEndpointSpec) { *s = declared("model").Spec })
		w.set(others)
		w.settle("model")
		struck := 0
		act := func() {
			if struck++; struck == 1 { // with what was read before ours was there
				w.set(strings.Replace(others, theirs, theirs+","+more, 1))
			}
		}
		w.struck.Store(&act)
		w.edit("model", changed)
		w.emulator.Break(t, env.Fault{Match: env.FaultMatch{Method: c.method, PathRegex: c.path, Nth: c.nth}, Stage: "after_commit", Action: "hook", HookURL: w.hook.URL, Then: "continue"})
		w.settle("model")
		w.emulator.Heal(t)
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
	crash := func() {
		w.dead.Store(true)
		if end := w.end.Load(); end != nil {
			// The answer that is on its way still arrives; what the dead operator would ask next is cut off anyway.
			time.AfterFunc(20*time.Millisecond, *end)
		}
	}
	w.struck.Store(&crash)
	w.emulator.SQL(t, "CREATE SCHEMA main.logs", "CREATE SCHEMA main.audit")
	for _, stage := range []string{"before_commit", "after_commit", "after_reply"} {
		for act, want := range map[string][2]string{
			"create": {w.first(), ourMark}, "change": {w.second(), ourMark}, "move": {w.logging("audit"), ourMark}, "delete": {others, ""},
		} {
			t.Run(act+" "+stage, func(t *testing.T) {
				w.t = t
				for n := 1; ; n++ {
					if !w.crash(act, stage, n, want) {
						if n < 5 {
							t.Fatalf("only %d calls were made", n-1)
						}
						return
					}
					if t.Failed() {
						t.Fatalf("at call %d", n)
					}
				}
			})
		}
	}
}

// crash lets the operator crash at the nth call of an act, checks what a new one
// makes of it, and says whether there was an nth call.
func (w *world) crash(act, stage string, n int, want [2]string) bool {
	t := w.t
	env.Create(t, w.kube, declared("model"))
	if act != "create" {
		w.settle("model")
	}
	switch act {
	case "change":
		w.edit("model", changed)
	case "move":
		w.edit("model", payloads("logs"))
		w.settle("model")
		w.edit("model", payloads("audit"))
	case "delete":
		if err := w.kube.Delete(t.Context(), w.get("model")); err != nil {
			t.Fatal(err)
		}
	}
	w.emulator.Break(t, env.Fault{
		Match: env.FaultMatch{PathRegex: "^" + path, Nth: n}, Stage: stage, Action: "hook", HookURL: w.hook.URL,
		Then: map[bool]string{true: "continue", false: "reset"}[stage == "after_reply"],
	})
	m := w.get("model")
	ctx, cancel := context.WithCancel(t.Context())
	w.end.Store(&cancel)
	_ = w.pass(ctx, m)
	cancel()
	crashed := w.dead.Swap(false)
	w.emulator.Heal(t)
	if g, _ := w.seen(); (act == "change" || act == "move") && !strings.Contains(text(g), w.west.ID) {
		t.Errorf("the crash left the role without a limit: %v", g)
	}
	w.settle("model")
	w.has(want[0], want[1])
	if act != "delete" {
		w.remove("model")
		w.has(others, "")
	}
	return crashed
}

func text(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}
