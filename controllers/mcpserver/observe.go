// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// Observe learns which document is to be served, reads the objects past the cache, and asks
// the pods once the ConfigMap holds the document: before that nothing may hold up the
// revocation in it. The objects are what is outside here.
func (a adapter) Observe(ctx context.Context, in input) (state, error) {
	if err := a.compile(ctx, in); err != nil {
		return state{}, err
	}
	out := state{Document: in.found.document, Omitted: in.found.omitted, Replicas: replicas(in.server), Enforcement: in.found.enforcement}
	wanted, err := a.pods.objects(in.server, out.Document, in.sealing)
	if err != nil {
		return out, err
	}
	if replicas(in.server) <= 1 {
		wanted = append(wanted, object{Kind: kindBudget, Name: in.server.Name, Value: budget(in.server)})
	}
	if in.deleting {
		for _, w := range wanted {
			a.compared.Delete(keyOf(w.Value))
		}
		wanted = slices.DeleteFunc(wanted, func(o object) bool { return o.Kind != kindReviewer })
	}
	current := false
	for _, w := range wanted {
		o, err := a.observeObject(ctx, in, w)
		if err != nil {
			return out, err
		}
		if o == nil {
			continue
		}
		current = current || w.Kind == kindConfigMap && matches(w.Value, o.Value)
		if current && !o.Foreign && defaulted(o.Value) && (w.Kind != kindBudget || replicas(in.server) > 1) {
			o.Differs, o.Uncompared = a.differs(ctx, w.Value, o.Value)
		}
		out.Objects = append(out.Objects, *o)
	}
	if in.deleting {
		return out, nil
	}
	if out.Pods, err = a.observePods(ctx, in, current); err != nil || in.sealing.keys == nil {
		return out, err
	}
	if o := observedKeys(in.server, in.sealing); o != nil {
		out.Objects = append(out.Objects, *o)
	}
	return out, nil
}

// observeObject reads one object past the cache; nil means that there is none, or that it
// cannot be read, like the Secret.
func (a adapter) observeObject(ctx context.Context, in input, want object) (*object, error) {
	if want.Kind == kindSecret {
		return nil, nil
	}
	live, err := a.empty(want.Value)
	if err != nil {
		return nil, err
	}
	err = a.live.Get(ctx, client.ObjectKeyFromObject(want.Value), live)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the %s %s: %w", want.Kind, want.Name, err)
	}
	return &object{Kind: want.Kind, Name: want.Name, Value: live, Foreign: !owned(live, in.server)}, nil
}

// compile asks Databricks about what tools name, as far as it is not known, and compiles the
// document; and it has the matrix compared with Databricks. A pass has one document.
func (a adapter) compile(ctx context.Context, in input) (err error) {
	f, s, e := in.found, in.server, in.estate
	if in.deleting || f.compiled {
		return nil
	}
	f.document, f.omitted, err = e.Compile(s, in.workspace, a.lookups.of(ctx, s, served(e, s)))
	if err != nil {
		return err
	}
	f.enforcement = a.audits.of(ctx, s, e.Audit(s, f.document), evidence(e, f.document), in.resync)
	f.compiled = true
	return nil
}

// served are the tools that a server names.
func served(e access.Estate, s *v1alpha1.MCPServer) []v1alpha1.ToolSpec {
	var out []v1alpha1.ToolSpec
	for _, t := range e.Tools {
		if t.Namespace == s.Namespace && slices.ContainsFunc(s.Spec.ToolRefs, func(r v1alpha1.LocalReference) bool { return r.Name == t.Name }) {
			out = append(out, t.Spec)
		}
	}
	return out
}

// empty is a new object of the same kind: decoding into a copy would leave in it what the live one lacks.
func (a adapter) empty(o client.Object) (client.Object, error) {
	gvk, err := a.writer.GroupVersionKindFor(o)
	if err != nil {
		return nil, fmt.Errorf("name the kind of %s: %w", o.GetName(), err)
	}
	made, err := a.writer.Scheme().New(gvk)
	if err != nil {
		return nil, fmt.Errorf("make a %s: %w", gvk.Kind, err)
	}
	out, ok := made.(client.Object)
	if !ok {
		return nil, fmt.Errorf("a %s is no object", gvk.Kind)
	}
	return out, nil
}

// owned says whether an object is this server's.
func owned(o client.Object, s *v1alpha1.MCPServer) bool {
	return metav1.IsControlledBy(o, s) || o.GetNamespace() == "" && o.GetAnnotations()[annotationOwner] == string(s.UID)
}

// observePods lists the pods that serve or are to serve. They are asked only when
// the ConfigMap is current: before that nothing may hold up the revocation in it.
func (a adapter) observePods(ctx context.Context, in input, ask bool) ([]pod, error) {
	var list corev1.PodList
	err := a.live.List(ctx, &list, client.InNamespace(in.server.Namespace), client.MatchingLabels(selector(in.server)))
	if err != nil {
		return nil, fmt.Errorf("list the pods: %w", err)
	}
	var out []pod
	for _, p := range list.Items {
		if p.DeletionTimestamp.IsZero() && p.Status.Phase != corev1.PodFailed && p.Status.Phase != corev1.PodSucceeded {
			if stuck(p, a.now()) {
				a.doubtKeys(in)
			}
			out = append(out, pod{Name: p.Name, UID: string(p.UID), IP: p.Status.PodIP, Touched: p.Annotations[v1alpha1.AnnotationAccessHash], Ready: ready(p)})
		}
	}
	slices.SortFunc(out, func(a, b pod) int { return strings.Compare(a.Name, b.Name) })
	if !ask {
		return out, nil
	}
	var group errgroup.Group
	for i := range out {
		if out[i].Ready && out[i].IP != "" {
			group.Go(func() error { a.ask(ctx, &out[i], in.found.document); return nil })
		}
	}
	return out, group.Wait()
}

// ask fills in what a pod says of itself.
func (a adapter) ask(ctx context.Context, p *pod, d access.Document) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var err error
	if p.Hash, err = a.probe.Hash(ctx, p.IP); err == nil && p.Hash == d.Hash {
		p.Tools, err = a.probe.Tools(ctx, p.IP)
	}
	if err != nil {
		p.Problem = err.Error()
	}
}

func ready(p corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
