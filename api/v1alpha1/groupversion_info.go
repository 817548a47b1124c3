// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every resource in this package.
var GroupVersion = schema.GroupVersion{Group: "gatehouse.dev", Version: "v1alpha1"}

// SchemeBuilder registers the types of this package in a scheme.
var SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme adds the types of this package to a scheme.
var AddToScheme = SchemeBuilder.AddToScheme

func addKnownTypes(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&Workspace{}, &WorkspaceList{},
		&Boundary{}, &BoundaryList{},
		&Role{}, &RoleList{},
		&FederationPolicy{}, &FederationPolicyList{},
		&Tool{}, &ToolList{},
		&ToolAccess{}, &ToolAccessList{},
		&MCPServer{}, &MCPServerList{},
		&DataPolicy{}, &DataPolicyList{},
		&Connection{}, &ConnectionList{},
		&ModelEndpoint{}, &ModelEndpointList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
