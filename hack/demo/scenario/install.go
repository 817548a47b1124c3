// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// overlay writes a kustomization over a folder of config/ and returns its folder.
func (d *demo) overlay(name, base string, content map[string]any) (string, error) {
	dir := filepath.Join(d.work(), name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	relative, err := filepath.Rel(dir, filepath.Join(d.root, base))
	if err != nil {
		return "", err
	}
	content["apiVersion"], content["kind"], content["resources"] = "kustomize.config.k8s.io/v1beta1", "Kustomization", []string{relative}
	raw, err := yaml.Marshal(content)
	if err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), raw, 0o600)
}

type replacement struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

func patch(kind, name string, changes ...replacement) (map[string]any, error) {
	raw, err := yaml.Marshal(changes)
	return map[string]any{"target": map[string]string{"kind": kind, "name": name}, "patch": string(raw)}, err
}

// install puts CRDs, RBAC, admission policies and the operator into the cluster.
func (d *demo) install(ctx context.Context, _ *Result) error {
	image, tag, _ := strings.Cut(d.images["operator"], ":")
	args, err := patch("Deployment", "gatehouse-operator", replacement{"replace", "/spec/template/spec/containers/0/args/1", "--mcp-server-image=" + d.images["mcp-server"]})
	if err != nil {
		return err
	}
	dir, err := d.overlay("operator", "config/default", map[string]any{
		"images": []any{map[string]string{"name": image, "newTag": tag}}, "patches": []any{args},
	})
	if err != nil {
		return err
	}
	if err := d.apply(ctx, "-k", dir); err != nil {
		return err
	}
	if err := d.runKubectl(ctx, "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"); err != nil {
		return err
	}
	d.say("   installed from config/default with kustomize")
	if err := d.waitDeployment(ctx, operatorSpace, "gatehouse-operator"); err != nil {
		return err
	}
	d.say("   the operator runs, and signs in to Databricks with its projected service account token")
	return nil
}

// patience bounds each wait; machines differ.
const patience = 4 * time.Minute

// until asks again and again, until yes or the patience is over.
func until(ctx context.Context, what string, every time.Duration, ask func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var last error
	for {
		yes, err := ask(ctx)
		if yes {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s did not happen within %s", what, patience), last)
		case <-time.After(every):
		}
	}
}

func (d *demo) waitDeployment(ctx context.Context, namespace, name string) error {
	return until(ctx, "the start of "+name, 300*time.Millisecond, func(ctx context.Context) (bool, error) {
		var x appsv1.Deployment
		if err := d.kube.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &x); err != nil {
			return false, err
		}
		want := *x.Spec.Replicas
		return x.Status.ObservedGeneration == x.Generation && x.Status.UpdatedReplicas == want && x.Status.AvailableReplicas == want && x.Status.Replicas == want, nil
	})
}

// sample applies the sample and waits until everything in it is Ready.
func (d *demo) sample(ctx context.Context, result *Result) error {
	ca := string(d.authority.pem)
	workspace, err1 := patch("Workspace", "main", replacement{"add", "/spec/caBundle", ca})
	rate, err4 := patch("Workspace", "main", replacement{"add", "/spec/genieQuestionsPerMinute", genieRate})
	policy, err2 := patch("FederationPolicy", "idp", replacement{"add", "/spec/caBundle", ca})
	dir, err3 := d.overlay("sales", "config/samples/sales", map[string]any{"patches": []any{workspace, rate, policy}})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	if err := d.credential(ctx); err != nil {
		return err
	}
	if err := d.apply(ctx, "-k", dir); err != nil {
		return err
	}
	d.say("   applied config/samples/sales")
	if err := d.waitRollout(ctx); err != nil {
		return err
	}
	if err := d.waitReady(ctx); err != nil {
		return err
	}
	server, err := d.server(ctx)
	if err != nil {
		return err
	}
	result.Pods = int(server.Status.CurrentReplicas)
	return nil
}

// credential makes the namespace of the sample and, in it, the Secret that its Connection names.
func (d *demo) credential(ctx context.Context) error {
	token, err := d.secret("github")
	if err != nil {
		return err
	}
	if err := d.apply(ctx, "-f", filepath.Join(d.root, "config/samples/sales/namespace.yaml")); err != nil {
		return err
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: samplesSpace, Name: "github"}, StringData: map[string]string{"token": token}}
	if err := d.kube.Create(ctx, secret); !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil // of an earlier run, with the same token
}

// waitRollout waits until the operator runs the pods of this demo's image: after an
// earlier run everything says Ready of the one before.
func (d *demo) waitRollout(ctx context.Context) error {
	err := until(ctx, "the rollout of "+serverName, 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		var x appsv1.Deployment
		if err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: serverName}, &x); err != nil {
			return false, client.IgnoreNotFound(err)
		}
		return x.Spec.Template.Spec.Containers[0].Image == d.images["mcp-server"], nil
	})
	if err != nil {
		return err
	}
	return d.waitDeployment(ctx, samplesSpace, serverName)
}

func (d *demo) server(ctx context.Context) (*v1alpha1.MCPServer, error) {
	var s v1alpha1.MCPServer
	err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: serverName}, &s)
	return &s, err
}

// object is any resource of ours.
type object interface {
	client.Object
	GetConditions() []metav1.Condition
	GetObservedGeneration() int64
}

// waitReady waits until every resource of ours says so for its current generation,
// and tells of each that gets there.
func (d *demo) waitReady(ctx context.Context) error {
	missing := map[string]string{}
	err := until(ctx, "that everything is Ready", 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		all, err := d.resources(ctx)
		if err != nil {
			return false, err
		}
		clear(missing)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			o := all[name]
			c := meta.FindStatusCondition(o.GetConditions(), v1alpha1.ConditionReady)
			switch {
			case c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == o.GetGeneration():
				if !d.told[name] {
					d.told[name] = true
					d.say("   %s is Ready (%s)", name, time.Since(d.started).Round(100*time.Millisecond))
				}
			case c != nil:
				missing[name] = c.Reason + ": " + c.Message
			default:
				missing[name] = "no condition yet"
			}
		}
		return len(all) > 0 && len(missing) == 0, nil
	})
	if err != nil {
		for _, name := range slices.Sorted(maps.Keys(missing)) {
			d.say("   %s is not Ready: %s", name, missing[name])
		}
	}
	return err
}

// resources are all resources of ours, by kind and name.
func (d *demo) resources(ctx context.Context) (map[string]object, error) {
	out := map[string]object{}
	for kind, list := range map[string]client.ObjectList{
		"Workspace": &v1alpha1.WorkspaceList{}, "Boundary": &v1alpha1.BoundaryList{}, "Role": &v1alpha1.RoleList{}, "FederationPolicy": &v1alpha1.FederationPolicyList{},
		"DataPolicy": &v1alpha1.DataPolicyList{}, "Connection": &v1alpha1.ConnectionList{}, "ModelEndpoint": &v1alpha1.ModelEndpointList{},
		"Tool": &v1alpha1.ToolList{}, "ToolAccess": &v1alpha1.ToolAccessList{}, "MCPServer": &v1alpha1.MCPServerList{},
	} {
		if err := d.kube.List(ctx, list); err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("list the %ss: %w", kind, err)
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if o, ok := item.(object); ok {
				out[strings.TrimPrefix(kind+" "+o.GetNamespace()+"/"+o.GetName(), "/")] = o
			}
		}
	}
	return out, nil
}
