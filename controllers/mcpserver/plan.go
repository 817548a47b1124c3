// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

type step = external.Step[state]

// Plan is pure.
func (adapter) Plan(want, have state) (external.Plan[state], error) {
	want, err := want.completed(have)
	if err != nil {
		return nil, err
	}
	return planned(want, have)
}

// planned is the writes that lead from one state to another. With nothing to
// write, it says what is still missing.
func planned(want, have state) (external.Plan[state], error) {
	if len(want.Objects) == 0 {
		return removal(have), nil
	}
	taken := foreign(want, have)
	var out external.Plan[state]
	for _, w := range want.Objects {
		h := have.object(w.Kind)
		switch {
		case h != nil && h.Foreign:
			continue // what is said of it, is said once everything else is in place
		case taken != nil && w.Kind != kindConfigMap:
			continue // pods must not be made over what is somebody else's
		case h == nil:
			out = append(out, step{Verb: external.Create, Target: "the " + w.Kind + " " + w.Name, Want: state{Objects: []object{w}}})
		case h.Differs || !matches(w.Value, h.Value):
			out = append(out, step{Verb: external.Update, Target: "the " + w.Kind + " " + w.Name, Want: state{Objects: []object{w}}})
		}
		if w.Kind == kindConfigMap {
			out = append(out, touches(want.Document, have)...)
		}
	}
	if len(out) == 0 && taken != nil {
		return nil, taken
	}
	if h := have.object(kindBudget); h != nil && want.object(kindBudget) == nil && !h.Foreign {
		out = append(out, step{Verb: external.Delete, Target: "the " + h.Kind + " " + h.Name, Want: state{Objects: []object{*h}}})
	}
	if len(out) > 0 {
		return out, nil
	}
	if err := unready(want, have); err != nil {
		return nil, err
	}
	return nil, cmp.Or(uncompared(have), want.Unfinished, stolen(have))
}

// uncompared says why an object could not be compared with what is wanted. It keeps nothing
// else back.
func uncompared(have state) error {
	for _, o := range have.Objects {
		if o.Uncompared != nil {
			return o.Uncompared
		}
	}
	return nil
}

const (
	// soon is when to ask pods again that are taking up a new document.
	soon = 150 * time.Millisecond
	// later is when to look again at pods that are starting; their readiness is watched beside.
	later = 2 * time.Second
)

// foreign says which object of somebody else keeps the server from having its own. Pods
// that run all the same still get the document, so that nothing holds up a revocation.
func foreign(want, have state) error {
	for _, w := range want.Objects {
		if h := have.object(w.Kind); h != nil && h.Foreign && w.Kind != kindRole {
			return fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf("the %s %s exists and does not belong to this MCPServer", w.Kind, w.Name))
		}
	}
	return nil
}

// stolen says that the name of the server's own Role is taken. That takes its health
// from the server and nothing else.
func stolen(have state) error {
	if h := have.object(kindRole); h != nil && h.Foreign {
		return fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf("the %s %s exists and does not belong to this MCPServer, which cannot ask for the health of its dependencies without one", h.Kind, h.Name))
	}
	return nil
}

// removal is what garbage collection does not do.
func removal(have state) external.Plan[state] {
	if h := have.object(kindReviewer); h != nil && !h.Foreign {
		return external.Plan[state]{{Verb: external.Delete, Target: "the " + h.Kind + " " + h.Name, Want: state{Objects: []object{*h}}}}
	}
	return nil
}

// touches make kubelet bring the document into the pods at once.
func touches(d access.Document, have state) external.Plan[state] {
	var out external.Plan[state]
	for _, p := range have.Pods {
		if p.Touched != d.Hash {
			p.Touched = d.Hash
			out = append(out, step{Verb: external.Update, Target: "the annotation of the Pod " + p.Name, Want: state{Pods: []pod{p}}})
		}
	}
	return out
}

// unready says what keeps the pods from serving what is declared.
func unready(want, have state) error {
	if len(have.Pods) != int(want.Replicas) {
		return fault.Progressing(v1alpha1.ReasonPodsNotReady, later, fmt.Errorf("%d of %d pods exist", len(have.Pods), want.Replicas))
	}
	var starting, stale, wrong []string
	for _, p := range have.Pods {
		switch {
		case !p.Ready:
			starting = append(starting, p.Name)
		case p.Problem != "":
			wrong = append(wrong, p.Name+": "+p.Problem)
		case p.Hash != want.Document.Hash:
			stale = append(stale, p.Name)
		case !p.current(want.Document):
			wrong = append(wrong, fmt.Sprintf("%s lists %d tools and %d are declared", p.Name, len(p.Tools), len(want.Document.Tools)))
		}
	}
	switch {
	case len(starting) > 0:
		return fault.Progressing(v1alpha1.ReasonPodsNotReady, later, fmt.Errorf("these pods are not ready: %s", strings.Join(starting, ", ")))
	case len(stale) > 0:
		return fault.Progressing(v1alpha1.ReasonPodsNotCurrent, soon, fmt.Errorf("these pods are taking up the access document: %s", strings.Join(stale, ", ")))
	case len(wrong) > 0:
		return fault.Progressing(v1alpha1.ReasonHandshakeFailed, later, fmt.Errorf("%s", strings.Join(wrong, "; ")))
	}
	return nil
}

// matches says whether an object is as wanted, apart from a spec in which the API server
// fills in what nobody sets.
func matches(want, have client.Object) bool {
	if !within(want.GetLabels(), have.GetLabels()) || !within(want.GetAnnotations(), have.GetAnnotations()) {
		return false
	}
	switch w := want.(type) {
	case *corev1.ConfigMap:
		h, ok := have.(*corev1.ConfigMap)
		return ok && maps.Equal(w.Data, h.Data)
	case *rbacv1.ClusterRoleBinding:
		h, ok := have.(*rbacv1.ClusterRoleBinding)
		return ok && equality.Semantic.DeepEqual(w.Subjects, h.Subjects) && w.RoleRef == h.RoleRef
	case *corev1.Secret:
		h, ok := have.(*corev1.Secret)
		return ok && fingerprint(w.Data) == fingerprint(h.Data)
	case *corev1.ServiceAccount:
		return true
	}
	return true // what the API server fills in is compared by a dry run
}

func within(want, have map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}
