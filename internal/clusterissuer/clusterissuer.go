// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clusterissuer reads who issues the tokens of the cluster's service
// accounts, and with which keys, from the API server. Whoever verifies such a token
// with these keys need not reach the issuer, which is seldom public.
package clusterissuer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// The built-in ClusterRole system:service-account-issuer-discovery allows the same.
// +kubebuilder:rbac:urls=/.well-known/openid-configuration;/openid/v1/jwks,verbs=get

// timeout bounds both questions: what waits for them has other work too.
const timeout = 5 * time.Second

// Issuer is who issues the tokens of service accounts.
type Issuer struct {
	// URL is the issuer, to the byte.
	URL string
	// JWKS are its public keys, in an order of their own, so that equal keys are equal text.
	JWKS string
}

// Cluster asks an API server.
type Cluster struct{ client rest.Interface }

// New makes a Cluster.
func New(config *rest.Config) (*Cluster, error) {
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client of the API server: %w", err)
	}
	return &Cluster{c.Discovery().RESTClient()}, nil
}

// Issuer asks anew each time: keys are rotated. What keeps it from knowing is a
// transient fault.
func (c *Cluster) Issuer(ctx context.Context) (Issuer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := c.read(ctx)
	if err != nil {
		return Issuer{}, fault.Transient(v1alpha1.ReasonIssuerUnknown, fmt.Errorf("the issuer of the cluster's tokens cannot be read from the API server: %w", err))
	}
	return out, nil
}

func (c *Cluster) read(ctx context.Context) (Issuer, error) {
	var about struct {
		Issuer string `json:"issuer"`
	}
	if err := c.get(ctx, "/.well-known/openid-configuration", &about); err != nil {
		return Issuer{}, err
	}
	if about.Issuer == "" {
		return Issuer{}, errors.New("its metadata names no issuer")
	}
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := c.get(ctx, "/openid/v1/jwks", &set); err != nil {
		return Issuer{}, err
	}
	keys, err := canonical(set.Keys)
	return Issuer{URL: about.Issuer, JWKS: keys}, err
}

func (c *Cluster) get(ctx context.Context, path string, into any) error {
	raw, err := c.client.Get().AbsPath(path).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("get %s: %w", path, err)
	}
	if json.Unmarshal(raw, into) != nil {
		return fmt.Errorf("get %s: the answer is not the expected JSON", path)
	}
	return nil
}

// private are the members of a JSON Web Key that nobody publishes on purpose.
var private = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// canonical writes keys sorted, with their members sorted.
func canonical(keys []map[string]any) (string, error) {
	if len(keys) == 0 {
		return "", errors.New("there are no keys")
	}
	type key struct{ id, text string }
	all := make([]key, len(keys))
	for i, k := range keys {
		for _, name := range private {
			delete(k, name)
		}
		raw, err := json.Marshal(k)
		if err != nil {
			return "", fmt.Errorf("encode a key: %w", err)
		}
		id, _ := k["kid"].(string)
		all[i] = key{id, string(raw)}
	}
	slices.SortFunc(all, func(a, b key) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.text, b.text)) })
	out := make([]json.RawMessage, len(all))
	for i, k := range all {
		out[i] = json.RawMessage(k.text)
	}
	raw, err := json.Marshal(map[string]any{"keys": out})
	return string(raw), err
}
