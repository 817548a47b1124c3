// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/sealroot"
)

var keysNow = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

// keyAdapter is an adapter over a cluster in memory.
func keyAdapter(t *testing.T, objects ...client.Object) adapter {
	t.Helper()
	c := fake.NewClientBuilder().WithObjects(objects...).Build()
	return adapter{live: c, writer: c, namespace: "gatehouse-system", now: func() time.Time { return keysNow }, rewrites: &sync.Map{}, compared: &comparisons{}}
}

func TestTheRootIsMadeOnceAndServersHaveKeysOfTheirOwn(t *testing.T) {
	a := keyAdapter(t)
	first, err := a.sealingKeys(t.Context(), testServer())
	if err != nil {
		t.Fatal(err)
	}
	again, err := a.sealingKeys(t.Context(), testServer())
	if err != nil || first.fingerprint != again.fingerprint {
		t.Errorf("a second pass has other keys: %v", err)
	}
	other := testServer()
	other.Name = "others"
	remade := testServer()
	remade.UID = "22222222-0000-4000-8000-000000000000"
	for what, s := range map[string]*v1alpha1.MCPServer{"another server": other, "the server made again": remade} {
		k, err := a.sealingKeys(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for id, key := range k.keys {
			if bytes.Equal(key, first.keys[id]) {
				t.Errorf("%s has the same key %s", what, id)
			}
		}
	}
	if len(first.keys) != 2 || !slices.Equal(first.ids, slices.Sorted(maps.Keys(first.keys))) {
		t.Errorf("the keys are %v", first.ids)
	}
}

func TestARootThatIsTooShortIsSaidAndLeftAlone(t *testing.T) {
	short := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "gatehouse-system", Name: sealroot.Name}, Data: map[string][]byte{sealroot.Key: []byte("short")}}
	a := keyAdapter(t, short)
	if _, err := a.sealingKeys(t.Context(), testServer()); err == nil || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("got %v", err)
	}
	var s corev1.Secret
	if err := a.live.Get(t.Context(), types.NamespacedName{Namespace: "gatehouse-system", Name: sealroot.Name}, &s); err != nil || string(s.Data[sealroot.Key]) != "short" {
		t.Errorf("the root is %q, %v", s.Data[sealroot.Key], err)
	}
}

// TestTheSecretIsWrittenWhenTheRecordSaysSo goes through what a pass sees and writes,
// with the Secret known from the record in status alone.
func TestTheSecretIsWrittenWhenTheRecordSaysSo(t *testing.T) {
	a := keyAdapter(t)
	s := testServer()
	pass := func() external.Plan[state] {
		t.Helper()
		k, err := a.sealingKeys(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		want := wanted(t, testDocument(t))
		want.Objects[1] = object{Kind: kindSecret, Name: keysName(s), Value: keysSecret(s, k)}
		have := running(want)
		have.Objects = slices.Delete(slices.Clone(have.Objects), 1, 2)
		if o := observedKeys(s, k); o != nil {
			have.Objects = append(have.Objects, *o)
		}
		plan, err := planned(want, have)
		if err != nil {
			t.Fatal(err)
		}
		a.Report(s, want)
		return plan
	}
	if got := targets(pass()); !slices.Equal(got, []string{"Create the Secret tools-sealing-keys"}) {
		t.Errorf("at first: %v", got)
	}
	if got := targets(pass()); len(got) != 0 {
		t.Errorf("a second pass: %v", got)
	}
	keysNow = keysNow.Add(keyPeriod)
	defer func() { keysNow = keysNow.Add(-keyPeriod) }()
	if got := targets(pass()); !slices.Equal(got, []string{"Update the Secret tools-sealing-keys"}) {
		t.Errorf("a day later: %v", got)
	}
	if s.Status.SealingKeys.Fingerprint == "" || len(s.Status.SealingKeys.IDs) < 2 {
		t.Errorf("the record is %+v", s.Status.SealingKeys)
	}
}

func TestAPodThatDoesNotStartHasItsSecretWrittenAgainNowAndThen(t *testing.T) {
	waiting := corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}}
	running := corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	crashing := waiting
	crashing.RestartCount = 3
	for name, c := range map[string]struct {
		age      time.Duration
		statuses []corev1.ContainerStatus
		want     bool
	}{
		"new":                       {10 * time.Second, []corev1.ContainerStatus{waiting}, false},
		"waiting for long":          {time.Minute, []corev1.ContainerStatus{waiting}, true},
		"not looked at by kubelet":  {time.Minute, nil, true},
		"running":                   {time.Minute, []corev1.ContainerStatus{running}, false},
		"crashing after it started": {time.Minute, []corev1.ContainerStatus{crashing}, false},
	} {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(keysNow.Add(-c.age))}, Status: corev1.PodStatus{ContainerStatuses: c.statuses}}
		if got := stuck(p, keysNow); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	a := keyAdapter(t)
	in := input{server: testServer(), sealing: sealing{keys: map[string][]byte{"x": nil}, present: new(true)}}
	a.doubtKeys(in)
	if *in.sealing.present {
		t.Error("the Secret is not written again")
	}
	*in.sealing.present = true
	if a.doubtKeys(in); !*in.sealing.present {
		t.Error("the Secret is written again at every pass")
	}
}

func TestTheSecretIsTheServersOwnAndMounted(t *testing.T) {
	s := testServer()
	a := keyAdapter(t)
	k, err := a.sealingKeys(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	if o := keysSecret(s, k); o.Type != keysType || !metav1.IsControlledBy(o, s) || o.Name != "tools-sealing-keys" {
		t.Errorf("the Secret is %s of the type %s", o.Name, o.Type)
	}
	if d := testPods.deployment(s); !slices.ContainsFunc(d.Spec.Template.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Secret != nil && v.Secret.SecretName == keysName(s)
	}) {
		t.Error("the pods do not mount the keys")
	}
}
