// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// toy is a resource that wants things to exist outside.
type toy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`
	Spec              toySpec   `json:"spec,omitzero"`
	Status            toyStatus `json:"status,omitzero"`
}

type toySpec struct {
	Things           map[string]string `json:"things,omitempty"`
	ManagementPolicy string            `json:"managementPolicy,omitempty"`
	DeletionPolicy   string            `json:"deletionPolicy,omitempty"`
}

type toyStatus struct {
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	// Applied are the names of things that may be ours.
	Applied []string `json:"applied,omitempty"`
	// Seen are the things that were observed last.
	Seen []string `json:"seen,omitempty"`
	// Temporary are the names of things that the helper may have made.
	Temporary []string `json:"temporary,omitempty"`

	v1alpha1.ExternalStatus `json:",inline"`
}

func (o *toy) DeepCopyObject() runtime.Object {
	out := &toy{}
	raw, err := json.Marshal(o)
	if err == nil {
		err = json.Unmarshal(raw, out)
	}
	if err != nil {
		panic(err)
	}
	return out
}

func (o *toy) GetConditions() []metav1.Condition  { return o.Status.Conditions }
func (o *toy) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }
func (o *toy) GetObservedGeneration() int64       { return o.Status.ObservedGeneration }
func (o *toy) SetObservedGeneration(g int64)      { o.Status.ObservedGeneration = g }
func (o *toy) GetManagementPolicy() string        { return o.Spec.ManagementPolicy }
func (o *toy) GetDeletionPolicy() string          { return o.Spec.DeletionPolicy }
func (o *toy) GetExternalStatus() *v1alpha1.ExternalStatus {
	return &o.Status.ExternalStatus
}

// things is the external state: values by name.
type things map[string]string

type input struct{ obj *toy }

// world is the outside, the cluster in front of it, and a journal of what was
// done to either, in order.
type world struct {
	t       testing.TB
	client  client.Client
	things  things
	journal []string
	// fail holds errors by what they strike: gather, desired, observe, or a journal line.
	fail map[string]error
	// deaf makes writes succeed without effect.
	deaf bool
	// die ends the process at the nth write, before or after it took effect.
	die   int
	after bool
	// above is the policy of what the object lives in.
	above external.Management
	// kept are the inventories of what was left behind.
	kept []external.Orphaned
	// now is the time, and changed who changed a thing last, and when.
	now     time.Time
	changed map[string]change
	// meanwhile runs once, before the next write of a status, and then after a journal line's write.
	meanwhile func()
	then      map[string]func()
}

type change struct {
	who string
	at  time.Time
}

var key = types.NamespacedName{Namespace: "n", Name: "toy"}

func newWorld(t testing.TB, want map[string]string, changes ...func(*toy)) *world {
	w := &world{t: t, things: things{"theirs": "1"}, fail: map[string]error{}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	scheme := runtime.NewScheme()
	gv := schema.GroupVersion{Group: "toys.example.com", Version: "v1"}
	scheme.AddKnownTypeWithName(gv.WithKind("Toy"), &toy{})
	metav1.AddToGroupVersion(scheme, gv)
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{gv})
	mapper.Add(gv.WithKind("Toy"), meta.RESTScopeNamespace)
	obj := &toy{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "toy", Generation: 1}, Spec: toySpec{Things: want}}
	for _, c := range changes {
		c(obj)
	}
	w.client = fake.NewClientBuilder().WithScheme(scheme).WithRESTMapper(mapper).WithObjects(obj).WithStatusSubresource(&toy{}).
		WithInterceptorFuncs(interceptor.Funcs{
			Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, p client.Patch, o ...client.PatchOption) error {
				raw, _ := p.Data(obj)
				if !strings.Contains(string(raw), "resourceVersion") {
					t.Errorf("a metadata patch without a lock: %s", raw)
				}
				return w.write("metadata", func() error { return c.Patch(ctx, obj, p, o...) })
			},
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, p client.Patch, o ...client.SubResourcePatchOption) error {
				var fields map[string]any
				raw, _ := p.Data(obj)
				if err := json.Unmarshal(raw, &fields); err != nil || sub != "status" || len(fields) != 1 || fields["status"] == nil {
					t.Errorf("a patch of %s carries %s", sub, raw)
				}
				if m := w.meanwhile; m != nil {
					w.meanwhile = nil
					m()
				}
				return w.write("status", func() error { return c.SubResource(sub).Patch(ctx, obj, p, o...) })
			},
			Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error {
				t.Error("the loop updates a whole object")
				return nil
			},
		}).Build()
	return w
}

type crash struct{}

// write does one write to anything, with what the test ordered for it.
func (w *world) write(what string, act func() error) error {
	w.die--
	if w.die == 0 && !w.after {
		panic(crash{})
	}
	w.journal = append(w.journal, what)
	if err := w.fail[what]; err != nil {
		return err
	}
	if err := act(); err != nil {
		return err
	}
	if then := w.then[what]; then != nil {
		then()
	}
	if w.die == 0 {
		panic(crash{})
	}
	return nil
}

// Eventf makes the world the recorder of events.
func (w *world) Eventf(_, _ runtime.Object, kind, reason, action, note string, args ...any) {
	w.journal = append(w.journal, fmt.Sprintf("event %s %s %s: %s", kind, reason, action, fmt.Sprintf(note, args...)))
}

// restart is a new process over the same cluster and the same outside.
func (w *world) restart(auxiliaries ...external.Attached[*toy, input]) *external.Reconciler[*toy, input, things] {
	kind := kindOf(adapter{w})
	kind.Auxiliaries = auxiliaries
	return external.NewReconciler(external.Options{
		Client: w.client, Recorder: w, Orphans: w, Resync: time.Minute, Jitter: func() float64 { return 0.5 },
		Now: func() time.Time { return w.now },
	}, kind)
}

func (w *world) get() *toy {
	w.t.Helper()
	obj := &toy{}
	if err := w.client.Get(context.Background(), key, obj); client.IgnoreNotFound(err) != nil {
		w.t.Fatal(err)
	} else if err != nil {
		return nil
	}
	return obj
}

// pass runs one pass of a new process, checks what every pass leaves, and returns
// what it did.
func (w *world) pass() (reconcile.Result, []string, error) {
	w.t.Helper()
	return w.passOf(w.restart())
}

func (w *world) passOf(r *external.Reconciler[*toy, input, things]) (reconcile.Result, []string, error) {
	w.t.Helper()
	w.journal = nil
	result, err := r.Reconcile(context.Background(), w.get())
	if err != nil && result != (reconcile.Result{}) {
		w.t.Errorf("both a result and an error: %v, %v", result, err)
	}
	if obj := w.get(); obj != nil && len(obj.Status.Conditions) > 0 {
		if p := conditions.Problems(obj.Status.Conditions, obj.Generation); len(p) > 0 {
			w.t.Errorf("conditions: %v", p)
		}
	}
	return result, w.journal, err
}

// change edits the object as a user does.
func (w *world) change(edit func(*toy)) {
	w.t.Helper()
	obj := w.get()
	before := obj.DeepCopyObject().(*toy)
	edit(obj)
	obj.Generation++
	w.fail["metadata"], w.die = nil, 0
	p := client.MergeFromWithOptions(client.Object(before), client.MergeFromWithOptimisticLock{})
	if err := w.client.Patch(context.Background(), obj, p); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) delete() {
	w.t.Helper()
	if err := w.client.Delete(context.Background(), w.get()); err != nil {
		w.t.Fatal(err)
	}
}

// summary is the conditions as `Type=Status/Reason`, sorted by type, without what
// no test looks at.
func summary(o *toy) string {
	var out []string
	for _, c := range o.Status.Conditions {
		out = append(out, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// adapter keeps things. It owns those that status.applied names.
type adapter struct{ w *world }

// kindOf is the kind of toys with the hooks that the tests are about.
func kindOf(a adapter) external.Kind[*toy, input, things] {
	return external.Kind[*toy, input, things]{
		Name: "Toy", Adapter: a, Management: a.management, Intend: a.intend, ChangedBy: a.changedBy, Remaining: a.remaining,
		ExternalStatus: (*toy).GetExternalStatus,
	}
}

func (a adapter) management(context.Context, *toy) (external.Management, error) {
	return a.w.above, a.w.fail["above"]
}

func (a adapter) remaining(obj *toy) (workspace string, lines []string) {
	return "home", obj.Status.Applied
}

// Record makes the world the keeper of inventories.
func (w *world) Record(_ context.Context, r external.Orphaned) (string, error) {
	return "the list of toys", w.write("inventory", func() error { w.kept = append(w.kept, r); return nil })
}

func (a adapter) changedBy(_ things, s external.Step[things]) (string, time.Time) {
	c := a.w.changed[s.Target]
	return c.who, c.at
}

func (a adapter) Gather(_ context.Context, obj *toy) (input, error) {
	a.w.journal = append(a.w.journal, "gather")
	return input{obj}, a.w.fail["gather"]
}

func (a adapter) Desired(in input) (things, error) {
	return maps.Clone(things(in.obj.Spec.Things)), a.w.fail["desired"]
}

func (a adapter) Observe(_ context.Context, in input) (things, error) {
	a.w.journal = append(a.w.journal, "observe")
	if err := a.w.fail["observe"]; err != nil {
		return nil, err
	}
	out := things{}
	for _, name := range in.obj.Status.Applied {
		if v, ok := a.w.things[name]; ok {
			out[name] = v
		}
	}
	return out, nil
}

func (a adapter) Plan(want, have things) (external.Plan[things], error) {
	var out external.Plan[things]
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[name]; !ok {
			out = append(out, external.Step[things]{Verb: external.Delete, Target: name, Want: things{name: ""}})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch v, ok := have[name]; {
		case !ok:
			out = append(out, external.Step[things]{Verb: external.Create, Target: name, Want: things{name: want[name]}})
		case v != want[name]:
			out = append(out, external.Step[things]{
				Verb: external.Update, Target: name, Want: things{name: want[name]}, Diff: []external.Difference{{Path: "value", Have: v, Want: want[name]}},
			})
		}
	}
	return out, a.w.fail["plan"]
}

func (a adapter) intend(obj *toy, _ things, step external.Step[things]) {
	if step.Verb == external.Create && !slices.Contains(obj.Status.Applied, step.Target) {
		obj.Status.Applied = append(obj.Status.Applied, step.Target)
	}
}

func (a adapter) Apply(_ context.Context, _ input, have things, step external.Step[things]) (things, error) {
	after := maps.Clone(have)
	err := a.w.write(strings.ToLower(string(step.Verb))+" "+step.Target, func() error {
		if a.w.deaf {
			return nil
		}
		for name, v := range step.Want {
			if step.Verb == external.Delete {
				delete(a.w.things, name)
				delete(after, name)
				continue
			}
			a.w.things[name], after[name] = v, v
		}
		return nil
	})
	return after, err
}

func (a adapter) Report(obj *toy, seen things) { obj.Status.Seen = slices.Sorted(maps.Keys(seen)) }
