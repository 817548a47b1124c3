// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tokenreview"
	"github.com/gatehouse-dev/gatehouse/mcp/server"
)

// runningPod is a pod whose program is the real MCP server, in this process, on a
// loopback address of its own. The test stands in for kubelet.
type runningPod struct {
	name   string
	ip     string
	server *server.Server
	stop   func()
}

// startPod starts a pod from the template of a server's Deployment, as its controller
// would, and says in its status that it is ready.
func startPod(s *v1alpha1.MCPServer, name string) *runningPod {
	GinkgoHelper()
	if runtime.GOOS != "linux" {
		Skip("only Linux answers on every loopback address")
	}
	clients, err := kubernetes.NewForConfig(cluster)
	Expect(err).NotTo(HaveOccurred())
	out := &runningPod{name: s.Name + "-" + name}
	dir := GinkgoT().TempDir()
	token := filepath.Join(GinkgoT().TempDir(), "token")
	Expect(os.WriteFile(token, []byte(workloadToken(s)), 0o600)).To(Succeed())
	out.server, err = server.New(server.Options{
		AccessDir: dir, WorkloadTokenFile: token, OperatorName: operatorName, Reviewer: tokenreview.New(clients, probeAudience), Version: "1",
		Log: slog.New(slog.NewTextHandler(GinkgoWriter, nil)),
	})
	Expect(err).NotTo(HaveOccurred())
	ip, listener := listen()
	out.ip = ip
	web := &http.Server{Handler: out.server.OperatorHandler(), ReadHeaderTimeout: time.Minute}
	ctx, stop := context.WithCancel(context.Background())
	go out.server.Watch(ctx)
	go func() { _ = web.Serve(listener) }()
	go mount(ctx, s, out.name, dir)
	out.stop = func() { _ = web.Close(); stop() }

	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name}}
	Eventually(func() error { return fetch(d) }).Should(Succeed())
	pod := &corev1.Pod{ObjectMeta: d.Spec.Template.ObjectMeta, Spec: d.Spec.Template.Spec}
	pod.Namespace, pod.Name = s.Namespace, out.name
	create(pod)
	DeferCleanup(func() {
		out.stop()
		Expect(kube.Delete(context.Background(), pod)).To(Succeed())
	})
	created := pod.DeepCopy()
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}},
	}
	// As kubelet does: the operator may have annotated the pod meanwhile.
	Expect(kube.Status().Patch(context.Background(), pod, client.MergeFrom(created))).To(Succeed())
	return out
}

// listen finds a loopback address where the operator's port is free.
func listen() (string, net.Listener) {
	GinkgoHelper()
	for range 100 {
		ip := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
		if l, err := net.Listen("tcp", net.JoinHostPort(ip, "9090")); err == nil {
			return ip, l
		}
	}
	Fail("no loopback address has the operator's port free")
	return "", nil
}

// mount keeps the access document in a pod's folder as kubelet does: when the pod
// starts, and when its annotation changes.
func mount(ctx context.Context, s *v1alpha1.MCPServer, name, dir string) {
	synced := "never"
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		pod, config := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: name}}, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name}}
		if kube.Get(ctx, key(pod), pod) != nil || pod.Annotations[v1alpha1.AnnotationAccessHash] == synced || kube.Get(ctx, key(config), config) != nil {
			continue
		}
		next := filepath.Join(dir, ".next")
		if os.WriteFile(next, []byte(config.Data[access.DocumentKey]), 0o600) == nil && os.Rename(next, filepath.Join(dir, access.DocumentKey)) == nil {
			synced = pod.Annotations[v1alpha1.AnnotationAccessHash]
		}
	}
}
