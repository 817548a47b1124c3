// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// late delays what watches tell, as a network or an API server under load does.
type late struct {
	http.RoundTripper
	by time.Duration
	// told counts what was told late.
	told *atomic.Int64
}

func (l late) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.RoundTripper.RoundTrip(r)
	if err == nil && r.URL.Query().Get("watch") != "" {
		res.Body = lateBody{res.Body, l}
	}
	return res, err
}

type lateBody struct {
	io.ReadCloser
	late
}

func (b lateBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.told.Add(1)
	time.Sleep(b.by)
	return n, err
}

// change edits an object as a user does.
func (w *world) change(r *v1alpha1.Role, edit func()) {
	w.Helper()
	w.Eventually(func() string { return "the change of " + r.Name }, func() bool {
		if err := w.Fetch(r); err != nil {
			w.Fatal(err)
		}
		edit()
		err := w.Kube.Update(w.Context(), r)
		if err != nil && !apierrors.IsConflict(err) {
			w.Fatal(err)
		}
		return err == nil
	})
}

// TestAStaleCache shows that a cache which lags a second behind makes the operator write
// nothing twice: every pass may begin with an object as it was before its own last write.
func TestAStaleCache(t *testing.T) {
	t.Parallel() // most of it is waiting
	told := &atomic.Int64{}
	kube := start(t, func(o *ctrl.Options) {
		o.NewCache = func(config *rest.Config, opts cache.Options) (cache.Cache, error) {
			opts.HTTPClient = nil // made anew, from the configuration that delays
			config = rest.CopyConfig(config)
			config.Wrap(func(inner http.RoundTripper) http.RoundTripper { return late{inner, time.Second, told} })
			return cache.New(config, opts)
		}
	})
	w := newWorld(t, kube, "stale")
	r := w.role("late")
	env.Create(t, kube, r)
	w.Ready(r)
	policy := &v1alpha1.FederationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: "idp"}, Spec: v1alpha1.FederationPolicySpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: w.name}, Issuer: issuer, Audiences: []string{"https://tools.example.com/mcp"},
		Claims: v1alpha1.FederationClaims{Role: "role"}, Roles: []v1alpha1.FederatedRole{{Name: r.Name, Subject: "late"}},
	}}
	env.Create(t, kube, policy)
	w.Ready(policy)
	for i := range 5 {
		w.change(r, func() { r.Spec.DisplayName = fmt.Sprintf("late %d", i) })
	}
	id := r.Status.ServicePrincipal.ID
	w.Eventually(func() string { return "the last display name lands" }, func() bool {
		return w.emulator.State(t).Principals[id].DisplayName == "late 4"
	})
	w.Ready(r)
	w.change(r, func() { r.Spec.Grants = nil })
	w.Ready(r)
	w.Eventually(func() string { return "the grant goes" }, func() bool {
		return len(w.emulator.Grants(t, "table", "main.sales.deals", r.Status.ServicePrincipal.ApplicationID)) == 0
	})
	w.Remove(policy, r)
	w.Gone(policy, r)
	for what, want := range map[[2]string]int{
		{"POST", "/ServicePrincipals$"}: 1, {"POST", "/Groups$"}: 1, {"POST", "/federationPolicies$"}: 1,
		{"PATCH", "/permissions/table/"}:  2, // given and taken away
		{"DELETE", "/ServicePrincipals/"}: 1, {"DELETE", "/Groups/"}: 1,
	} {
		if got := w.committed(what[0], what[1]); got != want {
			t.Errorf("%s %s: %d writes, want %d", what[0], what[1], got, want)
		}
	}
	if told.Load() == 0 {
		t.Error("nothing was told late: this shows nothing")
	}
}
