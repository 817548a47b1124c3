// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
)

// state is what exists, or is to exist, in the cluster for one MCPServer. In a
// step it holds what the step is about and nothing else.
type state struct {
	Document access.Document
	Objects  []object
	Pods     []pod
	Replicas int32
	// Enforcement is what Databricks said of the matrix last, if it was asked.
	Enforcement *v1alpha1.EnforcementStatus
	// Omitted says, of an observed state, what of the declaration the document leaves out.
	Omitted []access.Refusal
	// Unfinished says, of a wanted state, what of the declaration is left out when all else is there.
	Unfinished error
	// objects are, of a wanted state, those that a document comes to.
	objects func(access.Document) ([]object, error)
}

// object is one cluster object.
type object struct {
	// Kind and Name tell objects of one server apart.
	Kind, Name string
	Value      client.Object
	// Foreign says that the object exists and belongs to somebody else.
	Foreign bool
	// Differs says that writing the object as wanted would change it, and Uncompared why that
	// is not known. It is found out once the ConfigMap is current.
	Differs    bool
	Uncompared error
}

func (s state) object(kind string) *object {
	if i := slices.IndexFunc(s.Objects, func(o object) bool { return o.Kind == kind }); i >= 0 {
		return &s.Objects[i]
	}
	return nil
}

// pod is a pod that serves, or is about to.
type pod struct {
	Name, UID, IP string
	// Touched is the hash that the pod's annotation names.
	Touched string
	Ready   bool
	// Hash and Tools are what the pod said of itself; it is asked once the ConfigMap is current.
	Hash    string
	Tools   []string
	Problem string
}

// report is a pod as the status shows it.
func (p pod) report() v1alpha1.PodStatus {
	return v1alpha1.PodStatus{Name: p.Name, Hash: p.Hash, Tools: int32(len(p.Tools)), Message: p.Problem}
}

// current says that a pod serves what the document declares.
func (p pod) current(d access.Document) bool {
	return p.Ready && p.Problem == "" && p.Hash == d.Hash && slices.Equal(p.Tools, toolNames(d))
}

func toolNames(d access.Document) []string {
	out := make([]string, len(d.Tools))
	for i, t := range d.Tools {
		out[i] = t.Name
	}
	slices.Sort(out)
	return out
}
