// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"bytes"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kyaml "sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers/mcpserver"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// sample reads the objects of a folder of config/samples. The Workspace is the
// suite's own, because that of the sample names hosts of a cluster.
func sample(folder string) (objects []client.Object, declared []external.Object) {
	GinkgoHelper()
	files, err := filepath.Glob(filepath.Join(env.Root(GinkgoTB()), "config", "samples", folder, "*.yaml"))
	Expect(err).NotTo(HaveOccurred())
	Expect(files).NotTo(BeEmpty())
	for _, file := range files {
		raw, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		for reader := yaml.NewDocumentDecoder(readCloser{bytes.NewReader(raw)}); ; {
			document := make([]byte, len(raw))
			n, err := reader.Read(document)
			if err != nil {
				break
			}
			var kind metav1.TypeMeta
			Expect(kyaml.Unmarshal(document[:n], &kind)).To(Succeed())
			var o client.Object
			switch construct, ours := kinds[kind.Kind]; {
			case kind.Kind == "Workspace" || kind.Kind == "Kustomization":
				continue
			case kind.APIVersion == rbacv1.SchemeGroupVersion.String():
				continue // the operator of the suite may read every Secret
			case ours:
				e, _ := construct()
				o, declared = e, append(declared, e)
			default:
				Expect(kind.Kind).To(Equal("Namespace"))
				o = &corev1.Namespace{}
			}
			Expect(kyaml.UnmarshalStrict(document[:n], o)).To(Succeed(), file)
			if kind.Kind == "Namespace" {
				objects = append([]client.Object{o}, objects...) // what is in it comes later
				continue
			}
			objects = append(objects, o)
		}
	}
	return objects, declared
}

// leaveNothing has those take with them what they put in Databricks which would leave it
// there: the cases share one, and the next may come upon it.
func leaveNothing(declared []external.Object) {
	for _, o := range declared {
		switch o := o.(type) {
		case *v1alpha1.DataPolicy:
			o.Spec.DeletionPolicy = v1alpha1.DeletionDelete
		case *v1alpha1.Connection:
			o.Spec.DeletionPolicy = v1alpha1.DeletionDelete
		case *v1alpha1.ModelEndpoint:
			o.Spec.DeletionPolicy = v1alpha1.DeletionDelete
		}
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

var _ = Describe("the sample estate", func() {
	var server *v1alpha1.MCPServer
	everybody := []string{"check_identity", "genie_query", "get_region_summary", "query_knowledge_base", "query_sales_data"}
	finance := []string{"check_identity", "genie_query", "get_region_summary", "query_audit_log", "query_knowledge_base", "query_sales_data"}
	all := []string{
		"ask_supervisor", "check_identity", "external_api_call", "genie_query", "get_region_summary", "github_search",
		"query_audit_log", "query_knowledge_base", "query_sales_data",
	}

	It("becomes ready, but for the pods that nobody starts", func() {
		objects, declared := sample("sales")
		leaveNothing(declared)
		create(objects...)
		create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "github"}, StringData: map[string]string{"token": "dosetoken"}})
		partners, more := sample("tenant")
		create(partners...)
		for _, o := range append(declared, more...) {
			if s, ok := o.(*v1alpha1.MCPServer); ok {
				server = s
				continue
			}
			eventuallyReady(o)
		}
		Expect(server).NotTo(BeNil())
		eventuallySays(server, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPodsNotReady, "0 of 2 pods exist")
		eventuallySays(server, v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonPodsNotReady)
		eventuallySays(server, v1alpha1.ConditionWithinBoundary, metav1.ConditionTrue, v1alpha1.ReasonAllowed)
		e := &estate{Server: server}
		e.eventuallyMatrix(
			v1alpha1.AccessRow{Role: "partner-acme/west-sales", Tools: everybody},
			v1alpha1.AccessRow{Role: "sales/admin", Tools: all},
			v1alpha1.AccessRow{Role: "sales/east-sales", Tools: everybody},
			v1alpha1.AccessRow{Role: "sales/executive", Tools: all},
			v1alpha1.AccessRow{Role: "sales/finance", Tools: finance},
			v1alpha1.AccessRow{Role: "sales/managers", Tools: everybody},
			v1alpha1.AccessRow{Role: "sales/west-sales", Tools: everybody},
		)
		Expect(server.Status.Replicas).To(BeEquivalentTo(2))
		Expect(server.Status.CurrentReplicas).To(BeZero())

		By("giving each Role its service principal, grants and trust, and no more")
		for name, audits := range map[string]bool{"west-sales": false, "admin": true} {
			r := named("Role", "sales", name).(*v1alpha1.Role)
			Expect(fetch(r)).To(Succeed())
			p, policies := principal(r)
			Expect(p).NotTo(BeNil())
			Expect(r.Status.ServicePrincipal).To(Equal(v1alpha1.RoleServicePrincipal{ID: p.ID, ApplicationID: p.ApplicationID}))
			Expect(selects(r, "main.sales.deals")).To(BeTrue())
			Expect(selects(r, "main.gatehouse.tool_calls")).To(Equal(audits))
			Expect(policies).To(HaveLen(1))
			Expect(policies[0].OIDC.Issuer).To(Equal("https://idp.idp.svc/"))
			Expect(policies[0].OIDC.Subject).To(Equal(name))
		}
		partner := named("Role", "partner-acme", "west-sales").(*v1alpha1.Role)
		_, policies := principal(partner)
		Expect(policies).To(HaveLen(1))
		Expect(policies[0].OIDC.Subject).To(Equal("partner-acme/west-sales"))

		By("declaring everything that the pods need")
		eventuallyRuns(server)

		By("serving once the pods run")
		first, second := startPod(server, "a"), startPod(server, "b")
		eventuallyReady(server)
		Expect(server.Status.CurrentReplicas).To(BeEquivalentTo(2))
		for _, p := range server.Status.Pods {
			Expect(p).To(Equal(v1alpha1.PodStatus{Name: p.Name, Hash: server.Status.Access.Hash, Tools: 9}))
		}

		By("bringing a change into the running pods")
		matrix := named("ToolAccess", "sales", "matrix").(*v1alpha1.ToolAccess)
		before := server.Status.Access.Hash
		change(matrix, func(a *v1alpha1.ToolAccess) { a.Spec.Rules[0].Tools = []string{"check_identity"} })
		Eventually(func(g Gomega) {
			g.Expect(fetch(server)).To(Succeed())
			g.Expect(server.Status.Access.Hash).NotTo(Equal(before))
			g.Expect(server.Status.CurrentReplicas).To(BeEquivalentTo(2))
			for _, p := range []*runningPod{first, second} {
				g.Expect(p.server.Status().Hash).To(Equal(server.Status.Access.Hash))
			}
		}).Should(Succeed())
		eventuallyReady(server)
		for _, name := range []string{"west-sales", "east-sales", "managers"} {
			r := named("Role", "sales", name).(*v1alpha1.Role)
			Eventually(func() bool { return selects(r, "main.sales.deals") }).Should(BeFalse())
		}
		Expect(selects(partner, "main.sales.deals")).To(BeTrue())

		By("saying so when a pod stops answering")
		second.stop()
		ask(server)
		eventuallySays(server, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonHandshakeFailed, second.name)
	})
})

// eventuallyRuns waits until the cluster has everything that the pods of a server need, each as wanted.
func eventuallyRuns(s *v1alpha1.MCPServer) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		meta := metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name}
		config, account, service := &corev1.ConfigMap{ObjectMeta: meta}, &corev1.ServiceAccount{ObjectMeta: meta}, &corev1.Service{ObjectMeta: meta}
		deployment, budget := &appsv1.Deployment{ObjectMeta: meta}, &policyv1.PodDisruptionBudget{ObjectMeta: meta}
		for _, o := range []client.Object{config, account, service, deployment, budget} {
			g.Expect(fetch(o)).To(Succeed())
			g.Expect(metav1.IsControlledBy(o, s)).To(BeTrue(), "%T", o)
		}
		g.Expect(service.Spec.Selector).To(Equal(map[string]string{v1alpha1.LabelServer: s.Name}))
		g.Expect(service.Spec.Ports).To(HaveLen(1))
		g.Expect(service.Spec.ExternalIPs).To(BeEmpty())
		g.Expect(*deployment.Spec.Replicas).To(Equal(*s.Spec.Replicas))
		pod := deployment.Spec.Template.Spec
		g.Expect(pod.ServiceAccountName).To(Equal(s.Name))
		g.Expect(*pod.SecurityContext.RunAsNonRoot).To(BeTrue())
		g.Expect(pod.Containers).To(HaveLen(1))
		g.Expect(pod.Containers[0].Image).To(Equal("example.com/mcp-server:1"))
		g.Expect(*pod.Containers[0].SecurityContext.ReadOnlyRootFilesystem).To(BeTrue())
		g.Expect(budget.Spec.MaxUnavailable.IntValue()).To(Equal(1))
		g.Expect(budget.Spec.Selector.MatchLabels).To(Equal(service.Spec.Selector))
		binding := reviewer(s)
		g.Expect(fetch(binding)).To(Succeed())
		g.Expect(binding.RoleRef).To(Equal(rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: mcpserver.ReviewerRole}))
		g.Expect(binding.Subjects).To(Equal([]rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: s.Namespace, Name: s.Name}}))
		g.Expect(fetch(s)).To(Succeed())
		g.Expect(s.Status.Access.Hash).NotTo(BeEmpty())
		d := documentOf(g, s)
		g.Expect(d.Hash).To(Equal(s.Status.Access.Hash))
		sealed, err := d.Seal()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(sealed.Hash).To(Equal(d.Hash), "the hash is that of the content")
	}).WithPolling(200 * time.Millisecond).Should(Succeed())
}

// reviewer is the binding that lets the pods of a server review tokens, by its name.
func reviewer(s *v1alpha1.MCPServer) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "gatehouse:mcp-server:" + s.Namespace + ":" + s.Name}}
}
