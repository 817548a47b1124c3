// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/internal/external"
)

func remains(name string, minute int, lines ...string) external.Orphaned {
	return external.Orphaned{
		Kind: "Role", Namespace: "sales", Name: name, UID: types.UID("u-" + name), At: time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC),
		Workspace: "main", Reason: "the deletion policy is Orphan", Lines: lines,
	}
}

// cluster is a fake one that counts writes; meanwhile runs once, before the next of them.
type cluster struct {
	client.WithWatch
	writes    atomic.Int32
	meanwhile func()
}

func newCluster(objects ...client.Object) *cluster {
	out := &cluster{}
	before := func() {
		out.writes.Add(1)
		if m := out.meanwhile; m != nil {
			out.meanwhile = nil
			m()
		}
	}
	out.WithWatch = fake.NewClientBuilder().WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			before()
			return c.Create(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			before()
			return c.Patch(ctx, o, p, opts...)
		},
	}).Build()
	return out
}

func (c *cluster) store() Store { return Store{Live: c, Writer: c, Namespace: "home"} }

func (c *cluster) keep(t *testing.T, r external.Orphaned) {
	t.Helper()
	where, err := c.store().Record(t.Context(), r)
	if err != nil || where != "the ConfigMap gatehouse-left-behind of the namespace home" {
		t.Fatalf("kept in %q: %v", where, err)
	}
}

func (c *cluster) data(t *testing.T) map[string]string {
	t.Helper()
	var m corev1.ConfigMap
	if err := c.Get(t.Context(), types.NamespacedName{Namespace: "home", Name: Name}, &m); err != nil {
		t.Fatal(err)
	}
	return m.Data
}

func TestAnInventoryIsKeptOnce(t *testing.T) {
	c := newCluster()
	c.keep(t, remains("west", 4, "service principal 7", "SELECT on Table main.sales.deals"))
	want := "lines:\n- service principal 7\n- SELECT on Table main.sales.deals\nreason: the deletion policy is Orphan\ntime: \"2026-01-02T03:04:00Z\"\nuid: u-west\nworkspace: main\n"
	if diff := cmp.Diff(map[string]string{"role.sales.west": want}, c.data(t)); diff != "" {
		t.Error(diff)
	}
	// The operator crashed before the finalizer went.
	c.keep(t, remains("west", 9, "service principal 7", "SELECT on Table main.sales.deals"))
	if diff := cmp.Diff(map[string]string{"role.sales.west": want}, c.data(t)); diff != "" || c.writes.Load() != 1 {
		t.Errorf("%d writes; %s", c.writes.Load(), diff)
	}
}

func TestWhatAnEarlierOneLeftStaysKnown(t *testing.T) {
	c := newCluster()
	c.keep(t, remains("west", 4, "service principal 7"))
	again := remains("west", 9, "service principal 8")
	again.UID = "another"
	c.keep(t, again)
	e, ok := parsed(c.data(t)["role.sales.west"])
	if diff := cmp.Diff([]string{"2026-01-02T03:04:00Z main: service principal 7"}, e.Earlier); !ok || diff != "" || e.Lines[0] != "service principal 8" {
		t.Errorf("got %+v\n%s", e, diff)
	}
}

func TestWhatOthersWriteMeanwhileIsKept(t *testing.T) {
	for name, c := range map[string]*cluster{
		"the first of all": newCluster(),
		"one more":         newCluster(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "home", Name: Name}}),
	} {
		t.Run(name, func(t *testing.T) {
			c.meanwhile = func() { c.keep(t, remains("east", 1, "e")) }
			c.keep(t, remains("west", 2, "w"))
			if got := c.data(t); len(got) != 2 || got["role.sales.east"] == "" || got["role.sales.west"] == "" {
				t.Errorf("there is %q", got)
			}
		})
	}
}

func TestWithoutAnAnswerNothingIsKept(t *testing.T) {
	down := errors.New("down")
	c := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return down },
	}).Build()
	if where, err := (Store{Live: c, Writer: c, Namespace: "home"}).Record(t.Context(), remains("west", 1, "w")); !errors.Is(err, down) || where != "" {
		t.Errorf("kept in %q: %v", where, err)
	}
}

// TestTheOldestMakeRoom: the ConfigMap stays below what etcd takes, the new inventory is in it, and a line says what is not.
func TestTheOldestMakeRoom(t *testing.T) {
	long := make([]string, 400)
	for i := range long {
		long[i] = fmt.Sprint(i, strings.Repeat("x", 400))
	}
	data := map[string]string{}
	for i := range 9 {
		data, _ = with(data, remains(fmt.Sprint("r", i), i, long...))
	}
	size := 0
	for k, v := range data {
		size += len(k) + len(v)
	}
	if size > longestAll || data["role.sales.r8"] == "" || data["role.sales.r0"] != "" {
		t.Errorf("%d bytes, %d keys", size, len(data))
	}
	gone := 9 - (len(data) - 1)
	for i := range 9 {
		if _, there := data[fmt.Sprint("role.sales.r", i)]; there != (i >= gone) {
			t.Errorf("r%d is there: %v, dropped %d", i, there, gone)
		}
	}
	if d := data[droppedKey]; !strings.Contains(d, fmt.Sprintf("count: %d\n", gone)) || !strings.Contains(d, fmt.Sprintf("last: role.sales.r%d\n", gone-1)) {
		t.Errorf("it says %s", d)
	}
}

func TestOneInventoryIsBounded(t *testing.T) {
	long := make([]string, 2000)
	for i := range long {
		long[i] = strings.Repeat("x", 500)
	}
	data, _ := with(nil, remains("west", 1, long...))
	text := data["role.sales.west"]
	e, ok := parsed(text)
	if last := e.Lines[len(e.Lines)-1]; !ok || len(text) > longestEntry || len(text) < longestEntry/2 || last != fmt.Sprintf("and %d more", 2000-(len(e.Lines)-1)) {
		t.Errorf("%d bytes, the last line is %s", len(text), last)
	}
	again, news := with(data, remains("west", 2, long...))
	if news || again["role.sales.west"] != text {
		t.Error("a second time it is another")
	}
}

func TestKeysAreThoseOfConfigMaps(t *testing.T) {
	a, b := remains("a.b-c", 1), remains(strings.Repeat("n", 252)+"a", 1)
	other := remains(strings.Repeat("n", 252)+"b", 1)
	for _, k := range []string{key(a), key(b), droppedKey} {
		if problems := validation.IsConfigMapKey(k); len(problems) > 0 {
			t.Errorf("%s: %v", k, problems)
		}
	}
	if key(a) != "role.sales.a.b-c" || key(b) == key(other) {
		t.Errorf("keys %s, %s, %s", key(a), key(b), key(other))
	}
}
