// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// network reaches pods from outside the cluster, through port-forwards on loopback.
type network struct {
	config *rest.Config
	roots  *x509.CertPool
	mu     sync.Mutex
	open   map[string]*forward
	stop   chan struct{}
}

// forward is one port-forward.
type forward struct {
	address string
	ended   chan struct{}
}

func newNetwork(config *rest.Config, ca []byte) *network {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &network{config: config, roots: roots, open: map[string]*forward{}, stop: make(chan struct{})}
}

// address is where a pod's port is reached; a port-forward that ended is opened again.
func (n *network) address(ctx context.Context, namespace, pod string, port int) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := fmt.Sprintf("%s/%s:%d", namespace, pod, port)
	if f := n.open[key]; f != nil {
		select {
		case <-f.ended:
		default:
			return f.address, nil
		}
	}
	f, err := n.forward(ctx, namespace, pod, port)
	if err != nil {
		return "", fmt.Errorf("forward to %s: %w", key, err)
	}
	n.open[key] = f
	return f.address, nil
}

func (n *network) forward(ctx context.Context, namespace, pod string, port int) (*forward, error) {
	transport, upgrader, err := spdy.RoundTripperFor(n.config)
	if err != nil {
		return nil, err
	}
	clients, err := kubernetes.NewForConfig(n.config)
	if err != nil {
		return nil, err
	}
	at := clients.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, at)
	ready, ended := make(chan struct{}), make(chan struct{})
	fw, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, n.stop, ready, io.Discard, io.Discard)
	if err != nil {
		return nil, err
	}
	failed := make(chan error, 1)
	go func() {
		defer close(ended)
		failed <- fw.ForwardPorts()
	}()
	select {
	case <-ready:
	case err := <-failed:
		return nil, errors.Join(errors.New("the port-forward ended"), err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ports, err := fw.GetPorts()
	if err != nil {
		return nil, err
	}
	return &forward{fmt.Sprintf("127.0.0.1:%d", ports[0].Local), ended}, nil
}

// client is an HTTP client whose every connection goes to one pod's port, whatever the URL says.
func (n *network) client(namespace, pod string, port int) *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			address, err := n.address(ctx, namespace, pod, port)
			if err != nil {
				return nil, err
			}
			return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, address)
		},
		TLSClientConfig:     &tls.Config{RootCAs: n.roots, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 8,
	}}
}

// podOf is the one running pod of a label.
func (d *demo) podOf(ctx context.Context, namespace, label, value string) (string, error) {
	pods, err := d.podsOf(ctx, namespace, label, value)
	if err != nil {
		return "", err
	}
	if len(pods) == 0 {
		return "", fmt.Errorf("no pod %s=%s is ready in %s", label, value, namespace)
	}
	return pods[0], nil
}

// podsOf are the ready pods of a label.
func (d *demo) podsOf(ctx context.Context, namespace, label, value string) ([]string, error) {
	var list corev1.PodList
	if err := d.kube.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{label: value}); err != nil {
		return nil, err
	}
	var out []string
	for _, p := range list.Items {
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil {
				out = append(out, p.Name)
			}
		}
	}
	return out, nil
}
