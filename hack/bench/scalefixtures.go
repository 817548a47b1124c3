// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

const tenantPrefix = "tenant-"

// tier labels the tenants' namespaces.
var tier = map[string]string{"tier": "sales"}

func tenant(i int) string { return fmt.Sprintf("%s%02d", tenantPrefix, i%tenants) }

// roleOf is a Role as a tenant writes it.
func roleOf(i int) *v1alpha1.Role {
	return &v1alpha1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant(i), Name: fmt.Sprintf("role-%04d", i)},
		Spec:       v1alpha1.RoleSpec{WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, MemberOf: []v1alpha1.AccountGroupName{"gh_partners"}},
	}
}

// declare makes all that is there before the first tenant's Role: the Workspace, and
// the sample's server with its nine tools, open to the tenants' namespaces.
func (b *scaleBench) declare(ctx context.Context, root string) error {
	workspace, credential := env.WorkspaceFor(b.emulator.EmulatorProcess, "main", "databricks")
	workspace.Spec.ResyncIntervalSeconds = 86400
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: env.OperatorNamespace}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "sales"}},
		credential, workspace,
	}
	bound := &v1alpha1.Boundary{}
	for _, s := range []struct {
		file string
		make func() client.Object
	}{
		{"boundary.yaml", func() client.Object { return bound }},
		{"federationpolicy.yaml", func() client.Object { return &v1alpha1.FederationPolicy{} }},
		{"mcpserver.yaml", func() client.Object { return &v1alpha1.MCPServer{} }},
		{"tools.yaml", func() client.Object { return &v1alpha1.Tool{} }},
	} {
		raw, err := os.ReadFile(filepath.Join(root, "config", "samples", "sales", s.file))
		if err != nil {
			return fmt.Errorf("read the sample: %w", err)
		}
		for document := range strings.SplitSeq(string(raw), "\n---\n") {
			o := s.make()
			if err := yaml.UnmarshalStrict([]byte(document), o); err != nil {
				return fmt.Errorf("read the sample %s: %w", s.file, err)
			}
			objects = append(objects, o)
		}
	}
	bound.Spec.Groups = v1alpha1.BoundaryGroups{MemberOf: []v1alpha1.NamePattern{"gh_partners"}, Create: []v1alpha1.NamePattern{"gh_partners"}}
	matrix := &v1alpha1.ToolAccess{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "matrix"}, Spec: v1alpha1.ToolAccessSpec{
		ServerRef: v1alpha1.LocalReference{Name: "governed-tools"},
		Rules:     []v1alpha1.AccessRule{{Name: "partners", Selector: &v1alpha1.RoleSelector{Namespaces: metav1.LabelSelector{MatchLabels: tier}}}},
	}}
	for _, o := range objects {
		switch o := o.(type) {
		case *v1alpha1.Tool:
			matrix.Spec.Rules[0].Tools = append(matrix.Spec.Rules[0].Tools, o.Spec.ToolName)
		case *v1alpha1.FederationPolicy:
			o.Spec.Roles = nil // the sample's own, which are not here
		}
	}
	for i := range tenants {
		name := tenant(i)
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: tier}})
		allowed := bound.DeepCopy()
		allowed.Name, allowed.Spec.Hosting = name, v1alpha1.HostingDenied
		allowed.Spec.Namespaces = []v1alpha1.BoundaryNamespace{{Name: name}}
		objects = append(objects, allowed)
	}
	for _, o := range append(objects, matrix) {
		if err := b.kube.Create(ctx, o); err != nil {
			return fmt.Errorf("create %T %s: %w", o, o.GetName(), err)
		}
	}
	return nil
}
