// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// kinds make an empty object and an empty list of each kind, by the name of its controller.
var kinds = map[string]func() (external.Object, client.ObjectList){
	"Workspace": func() (external.Object, client.ObjectList) { return &v1alpha1.Workspace{}, &v1alpha1.WorkspaceList{} },
	"Boundary":  func() (external.Object, client.ObjectList) { return &v1alpha1.Boundary{}, &v1alpha1.BoundaryList{} },
	"Role":      func() (external.Object, client.ObjectList) { return &v1alpha1.Role{}, &v1alpha1.RoleList{} },
	"FederationPolicy": func() (external.Object, client.ObjectList) {
		return &v1alpha1.FederationPolicy{}, &v1alpha1.FederationPolicyList{}
	},
	"DataPolicy": func() (external.Object, client.ObjectList) { return &v1alpha1.DataPolicy{}, &v1alpha1.DataPolicyList{} },
	"Connection": func() (external.Object, client.ObjectList) { return &v1alpha1.Connection{}, &v1alpha1.ConnectionList{} },
	"ModelEndpoint": func() (external.Object, client.ObjectList) {
		return &v1alpha1.ModelEndpoint{}, &v1alpha1.ModelEndpointList{}
	},
	"Tool":       func() (external.Object, client.ObjectList) { return &v1alpha1.Tool{}, &v1alpha1.ToolList{} },
	"ToolAccess": func() (external.Object, client.ObjectList) { return &v1alpha1.ToolAccess{}, &v1alpha1.ToolAccessList{} },
	"MCPServer":  func() (external.Object, client.ObjectList) { return &v1alpha1.MCPServer{}, &v1alpha1.MCPServerList{} },
}

func key(o client.Object) types.NamespacedName { return client.ObjectKeyFromObject(o) }

// named is an object of ours by its name.
func named(kind, namespace, name string) external.Object {
	o, _ := kinds[kind]()
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// kindOf names the kind of an object of ours.
func kindOf(o client.Object) string {
	name := fmt.Sprintf("%T", o)
	return name[strings.LastIndex(name, ".")+1:]
}

// fetch reads an object anew: a client that reads into an old one leaves in it what the new one lacks.
func fetch(o client.Object) error {
	fresh := reflect.New(reflect.TypeOf(o).Elem())
	err := kube.Get(context.Background(), key(o), fresh.Interface().(client.Object))
	if err == nil {
		reflect.ValueOf(o).Elem().Set(fresh.Elem())
	}
	return err
}

func create(objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		Expect(kube.Create(context.Background(), o)).To(Succeed(), "%T %s", o, key(o))
	}
}

// change reads an object, changes it and writes it; somebody who was faster is no failure.
func change[T client.Object](o T, edit func(T)) {
	GinkgoHelper()
	Eventually(func() error {
		if err := fetch(o); err != nil {
			return err
		}
		edit(o)
		return kube.Update(context.Background(), o)
	}).Should(Succeed())
}

// remove deletes objects and waits until they are gone.
func remove(objects ...client.Object) {
	GinkgoHelper()
	erase(objects...)
	for _, o := range objects {
		eventuallyGone(o)
	}
}

// erase deletes objects without waiting.
func erase(objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		Expect(client.IgnoreNotFound(kube.Delete(context.Background(), o))).To(Succeed())
	}
}

func eventuallyGone(o client.Object) {
	GinkgoHelper()
	Eventually(func() (string, error) {
		err := fetch(o)
		if apierrors.IsNotFound(err) {
			return "gone", nil
		}
		if e, ok := o.(external.Object); ok {
			return fmt.Sprint(e.GetConditions()), err
		}
		return "there", err
	}).Should(Equal("gone"), "%T %s", o, key(o))
}

// everything is every object of ours.
func everything() []external.Object {
	GinkgoHelper()
	var out []external.Object
	for _, kind := range kinds {
		_, list := kind()
		Expect(kube.List(context.Background(), list)).To(Succeed())
		items, err := meta.ExtractList(list)
		Expect(err).NotTo(HaveOccurred())
		for _, item := range items {
			out = append(out, item.(external.Object))
		}
	}
	return out
}

// eventuallyReady waits until objects are Ready for their generation, and nothing beside.
func eventuallyReady(objects ...external.Object) {
	GinkgoHelper()
	for _, o := range objects {
		Eventually(func(g Gomega) {
			g.Expect(fetch(o)).To(Succeed())
			c := meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionReady)
			g.Expect(c).NotTo(BeNil())
			g.Expect(c.Status).To(Equal(metav1.ConditionTrue), "%T %s: %s %s", o, key(o), c.Reason, c.Message)
			g.Expect(c.ObservedGeneration).To(Equal(o.GetGeneration()))
			g.Expect(o.GetObservedGeneration()).To(Equal(o.GetGeneration()))
		}).Should(Succeed())
	}
}

// eventuallySays waits for a condition of this generation, with a reason and words that the message holds.
func eventuallySays(o external.Object, condition string, status metav1.ConditionStatus, reason string, words ...string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(fetch(o)).To(Succeed())
		c := meta.FindStatusCondition(o.GetConditions(), condition)
		g.Expect(c).NotTo(BeNil(), "%T %s has no %s", o, key(o), condition)
		g.Expect(c.ObservedGeneration).To(Equal(o.GetGeneration()))
		g.Expect([]string{string(c.Status), c.Reason}).To(Equal([]string{string(status), reason}), c.Message)
		for _, w := range words {
			g.Expect(c.Message).To(ContainSubstring(w))
		}
	}).Should(Succeed())
}

// passes is how many passes the controller of a kind has finished; none may be under way.
func passes(g Gomega, kind string) float64 {
	families, err := metrics.Registry.Gather()
	g.Expect(err).NotTo(HaveOccurred())
	controller := strings.ToLower(kind)
	total := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() != "controller" && l.GetName() != "name" || l.GetValue() != controller {
					continue
				}
				switch f.GetName() {
				case "controller_runtime_reconcile_total":
					total += m.GetCounter().GetValue()
				case "controller_runtime_active_workers":
					g.Expect(m.GetGauge().GetValue()).To(BeZero(), "%s is at work", kind)
				case "workqueue_depth":
					g.Expect(m.GetGauge().GetValue()).To(BeZero(), "%s has work to do", kind)
				}
			}
		}
	}
	return total
}

// eventuallyQuiet waits until no controller is at work, and says how many passes each has made.
func eventuallyQuiet() map[string]float64 {
	GinkgoHelper()
	out := map[string]float64{}
	Eventually(func(g Gomega) {
		for kind := range kinds {
			out[kind] = passes(g, kind)
		}
	}).Should(Succeed())
	return out
}

var asked int

// ask asks for a pass over objects.
func ask(objects ...external.Object) {
	GinkgoHelper()
	for _, o := range objects {
		asked++
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"%d"}}}`, v1alpha1.AnnotationReconcileRequestedAt, asked)
		Expect(kube.Patch(context.Background(), o, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
	}
}

// askAndWait asks for a pass over each object and waits until it was made.
func askAndWait(objects ...external.Object) {
	GinkgoHelper()
	for _, o := range objects {
		before := eventuallyQuiet()[kindOf(o)]
		ask(o)
		Eventually(func(g Gomega) { g.Expect(passes(g, kindOf(o))).To(BeNumerically(">", before)) }).Should(Succeed())
	}
}

// trust is a federation policy as the emulator holds it.
type trust struct {
	PolicyID    string `json:"policy_id"`
	Description string `json:"description"`
	OIDC        struct {
		Issuer       string   `json:"issuer"`
		Audiences    []string `json:"audiences"`
		Subject      string   `json:"subject"`
		SubjectClaim string   `json:"subject_claim"`
	} `json:"oidc_policy"`
}

// principal is the service principal of a Role, with its policies; nil when there is none.
func principal(r *v1alpha1.Role) (*env.Principal, []trust) {
	GinkgoHelper()
	var found *env.Principal
	for _, p := range emulator.State(GinkgoTB()).Principals {
		if p.ExternalID == installation+"/role/"+r.Namespace+"/"+r.Name {
			Expect(found).To(BeNil(), "two service principals carry the mark of %s", key(r))
			found = &p
		}
	}
	if found == nil {
		return nil, nil
	}
	policies := make([]trust, len(found.Policies))
	for i, raw := range found.Policies {
		Expect(json.Unmarshal(raw, &policies[i])).To(Succeed())
	}
	return found, policies
}

// ours names everything in Databricks that carries a mark of this installation.
func ours() []string {
	GinkgoHelper()
	var out []string
	state := emulator.State(GinkgoTB())
	for _, p := range state.Principals {
		if strings.HasPrefix(p.ExternalID, installation+"/") {
			out = append(out, p.ExternalID)
		}
		for _, raw := range p.Policies {
			if strings.Contains(string(raw), installation+"/federationpolicy/") {
				out = append(out, string(raw))
			}
		}
	}
	for _, g := range state.Groups {
		if strings.HasPrefix(g.ExternalID, installation+"/") {
			out = append(out, g.ExternalID)
		}
	}
	return out
}

// selects says whether the service principal of a Role may select from a table.
func selects(r *v1alpha1.Role, table string) bool {
	GinkgoHelper()
	p, _ := principal(r)
	if p == nil {
		return false
	}
	return slices.Contains(emulator.Grants(GinkgoTB(), "table", table, p.ApplicationID), "SELECT")
}

// documentOf is the access document that the pods of a server are given.
func documentOf(g Gomega, s *v1alpha1.MCPServer) access.Document {
	var c corev1.ConfigMap
	g.Expect(kube.Get(context.Background(), key(s), &c)).To(Succeed())
	var d access.Document
	g.Expect(json.Unmarshal([]byte(c.Data[access.DocumentKey]), &d)).To(Succeed())
	return d
}
