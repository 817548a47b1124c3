// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gatehouse-dev/gatehouse/hack/node/internal/instance"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/process"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/render"
)

// poll is how often a condition that does not hold yet is looked at again.
const poll = 200 * time.Millisecond

// waiter waits for conditions, and gives up as soon as a part it watches has ended.
type waiter struct {
	watched []string
}

// until looks at a condition until it holds. The error of a condition that never held says what was seen last.
func (w *waiter) until(ctx context.Context, i instance.Instance, condition func(context.Context) error) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := condition(attempt)
		cancel()
		if err == nil {
			return nil
		}
		for _, name := range w.watched {
			if !process.Running(i.Path("pid"), name) {
				return fmt.Errorf("%s has ended; its log says last:\n%s", name, lastLines(i.Path("log", name+".log")))
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; seen last: %w; logs are in %s", ctx.Err(), err, i.Path("log"))
		case <-time.After(poll):
		}
	}
}

// lastLines returns the end of a log.
func lastLines(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-15):], []byte("\n"))
}

// client returns a client for the instance. It uses no proxy: the node is on this machine.
func client(i instance.Instance) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", i.Kubeconfig())
	if err != nil {
		return nil, err
	}
	config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	config.Timeout = 10 * time.Second
	config.QPS, config.Burst = 50, 100
	config.WarningHandler = rest.NoWarnings{}
	return kubernetes.NewForConfig(config)
}

// awaitAPIServer waits until the API server is ready and lets cluster DNS read what it answers from.
func (b *bringUp) awaitAPIServer(ctx context.Context) error {
	api, err := client(b.plan)
	if err != nil {
		return err
	}
	if err := b.waiter.until(ctx, b.plan, func(ctx context.Context) error { return readyz(ctx, api) }); err != nil {
		return err
	}
	return grantDNS(ctx, api)
}

func readyz(ctx context.Context, api kubernetes.Interface) error {
	return api.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// grantDNS creates cluster DNS's role, unless it is there.
func grantDNS(ctx context.Context, api kubernetes.Interface) error {
	meta := metav1.ObjectMeta{Name: render.DNSUser}
	read := []string{"list", "watch"}
	_, err := api.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"services", "namespaces", "pods"}, Verbs: read},
		{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: read},
	}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	_, err = api.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: render.DNSUser},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: render.DNSUser}},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

// awaitCluster waits until pods can be made, run and find each other by name.
func (b *bringUp) awaitCluster(ctx context.Context) error {
	api, err := client(b.plan)
	if err != nil {
		return err
	}
	return b.waiter.until(ctx, b.plan, func(ctx context.Context) error { return usable(ctx, api, b.plan, b.cluster.DNSReady(), b.fresh) })
}

// usable returns nil when a pod in the namespace default would run and could resolve names, by what the node reported since.
func usable(ctx context.Context, api kubernetes.Interface, i instance.Instance, dnsReady string, since time.Time) error {
	if err := nodeReady(ctx, api, i.Name, since); err != nil {
		return err
	}
	if _, err := api.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{}); err != nil {
		return err
	}
	return answers(ctx, dnsReady)
}

func nodeReady(ctx context.Context, api kubernetes.Interface, name string, since time.Time) error {
	node, err := api.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return judge(node, since)
}

// judge returns nil when the node has reported since then, in whole seconds, that it is ready, and takes every pod.
func judge(node *corev1.Node, since time.Time) error {
	for _, condition := range node.Status.Conditions {
		switch {
		case condition.Type != corev1.NodeReady:
		case condition.LastHeartbeatTime.Time.Before(since.Truncate(time.Second)):
			return errors.New("the node has not reported since its kubelet started")
		case condition.Status != corev1.ConditionTrue:
			return fmt.Errorf("the node is not ready: %s", condition.Message)
		case len(node.Spec.Taints) > 0:
			return fmt.Errorf("the node still has the taint %s", node.Spec.Taints[0].Key)
		default:
			return nil
		}
	}
	return errors.New("the node has not reported yet")
}

// answers returns nil when a plain GET of the URL does, without a proxy.
func answers(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // nothing was asked of it
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
