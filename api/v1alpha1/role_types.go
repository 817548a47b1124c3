// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// RoleSpec says what a tenant's role is in Databricks. What it may call is said
// by ToolAccess, and the grants that those tools need follow from there.
// +kubebuilder:validation:XValidation:rule="self.workspaceRef.name == oldSelf.workspaceRef.name",message="`workspaceRef` may not change: create another Role"
// +kubebuilder:validation:XValidation:rule="has(self.servicePrincipal) == has(oldSelf.servicePrincipal) && (!has(self.servicePrincipal) || self.servicePrincipal.applicationID == oldSelf.servicePrincipal.applicationID)",message="`servicePrincipal` may not change, appear or disappear: create another Role"
type RoleSpec struct {
	// workspaceRef names the Workspace that the role lives in. Immutable.
	// +required
	WorkspaceRef LocalReference `json:"workspaceRef,omitzero"`
	// servicePrincipal is an existing service principal that is the role's. The Boundary must
	// allow it under `servicePrincipals`. Absent, the operator creates one. Immutable.
	// +optional
	ServicePrincipal *RoleIdentity `json:"servicePrincipal,omitempty"`
	// adoption says whether a `servicePrincipal` without a mark is taken over, and groups of
	// `memberOf` that exist without one and that the Boundary lets the Role create. What they
	// have already, access, members and federation policies, stays and is not the Role's; they
	// are never deleted. Default Never: of such a group the Role becomes a member and no more.
	// +optional
	// +kubebuilder:default=Never
	Adoption AdoptionPolicy `json:"adoption,omitempty"`
	// displayName is the display name of the service principal. Absent, `<namespace>/<name>` is
	// used, and an adopted one keeps its own.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^\x00-\x1f"\\]+$')`,message="must not contain control characters, double quotes or backslashes"
	DisplayName string `json:"displayName,omitempty"`
	// memberOf are the account groups that the service principal is a member of. Row
	// filters and column masks look at them. A group that does not exist is created
	// where the Boundary allows it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	MemberOf []AccountGroupName `json:"memberOf,omitempty"`
	// grants are given to the service principal beside those that its tools need.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Grants []Grant `json:"grants,omitempty"`
	// serviceAccountName is a Kubernetes ServiceAccount of the Role's namespace whose tokens
	// count as this role: Databricks exchanges them by a federation policy with the
	// cluster's keys. Whoever may create pods in the namespace can be the role then, so
	// that the Boundary must have `hosting` Allowed. Absent, no such token counts.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')`,message="must be lower-case letters, digits, dashes and dots, with a letter or digit first and last in each part"
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// managementPolicy says how far the operator may go. The stricter of this and the
	// Workspace's counts. Default Enforce.
	// +optional
	// +kubebuilder:default=Enforce
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`
	// deletionPolicy says what happens to the service principal when the Role is deleted. Default Delete.
	// +optional
	// +kubebuilder:default=Delete
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// RoleIdentity names an existing service principal.
type RoleIdentity struct {
	// applicationID is its UUID, lower case.
	// +required
	// +kubebuilder:validation:MinLength=36
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')`,message="must be a UUID in lower case, such as '0a0a0a0a-0000-4000-8000-000000000001'"
	ApplicationID string `json:"applicationID,omitempty"`
}

// RoleServicePrincipal holds both ids of a service principal.
type RoleServicePrincipal struct {
	// id is the numeric SCIM id, used by memberships, assignments and policies.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id,omitempty"`
	// applicationID is the UUID used by grants and token exchange, and what current_user() returns.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	ApplicationID string `json:"applicationID,omitempty"`
	// adopted says that it existed before the Role and is not deleted with it: 'True' or absent.
	// +optional
	// +kubebuilder:validation:Enum="True"
	Adopted string `json:"adopted,omitempty"`
	// assigned says, of an adopted one, that the operator assigned it to the workspace, and
	// ends that with the Role: 'True' or absent.
	// +optional
	// +kubebuilder:validation:Enum="True"
	Assigned string `json:"assigned,omitempty"`
}

// RoleTrust is the federation policy by which tokens of a ServiceAccount count as the role.
type RoleTrust struct {
	// policyID names the policy in Databricks. It is recorded before the policy is created.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	PolicyID string `json:"policyID,omitempty"`
	// subject is whose tokens the policy let in when it was last seen as wanted; empty until then.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Subject string `json:"subject,omitempty"`
}

// RoleGroup is a group that the service principal is a member of.
type RoleGroup struct {
	// name is the display name of the group.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Name string `json:"name,omitempty"`
	// id is the numeric SCIM id of the group.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id,omitempty"`
	// created says that the operator created the group for this Role or one before it: 'True' or 'False'.
	// +optional
	// +kubebuilder:validation:Enum="True";"False"
	Created string `json:"created,omitempty"`
	// adopted says that the group existed before and carries the operator's mark: 'True' or absent.
	// +optional
	// +kubebuilder:validation:Enum="True"
	Adopted string `json:"adopted,omitempty"`
}

// RoleGrant is a privilege that the service principal has because of us.
type RoleGrant struct {
	// type is the kind of object: 'Catalog', 'Schema', 'Table', 'Function', 'Connection', 'MCPService',
	// 'Warehouse', 'GenieSpace' or 'ServingEndpoint'.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Type string `json:"type,omitempty"`
	// name is the full name of the object, or the id of the warehouse or of the Genie space.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name,omitempty"`
	// privilege is what is granted.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Privilege string `json:"privilege,omitempty"`
	// from are the tools that need it, as `<namespace>/<server>:<tool>`, or `spec` for an explicit grant.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MaxLength=512
	From []string `json:"from,omitempty"`
}

// RoleStatus is what the operator observed of a Role.
type RoleStatus struct {
	// conditions are Ready, ReferencesResolved, Synced, WithinBoundary, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the first pass", lastTransitionTime: "1970-01-01T00:00:00Z"}}
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that was dealt with last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// servicePrincipal holds both ids of the role's service principal.
	// +optional
	ServicePrincipal RoleServicePrincipal `json:"servicePrincipal,omitzero"`
	// intent is the mark that is written before the service principal is created, so that a lost answer
	// leads to finding it again and not to a second one.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Intent string `json:"intent,omitempty"`
	// trust is the federation policy for the tokens of `serviceAccountName`.
	// +optional
	Trust RoleTrust `json:"trust,omitzero"`
	// groups are the groups it is a member of because of us.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Groups []RoleGroup `json:"groups,omitempty"`
	// scopes are the OAuth scopes that its tokens may have, derived from its tools.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=128
	Scopes []string `json:"scopes,omitempty"`
	// grants are the privileges it has because of us, each with the tools that need it.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=512
	Grants []RoleGrant `json:"grants,omitempty"`
	// applied is the ownership record: the objects on which this Role has, or was about
	// to be given, privileges, so that what is no longer asked for is found and revoked.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=512
	Applied        []RoleGrant `json:"applied,omitempty"`
	ExternalStatus `json:",inline"`
}

// Role is a tenant's role: a service principal, its groups and its grants.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=gatehouse,path=gatehouseroles,singular=gatehouserole,shortName=ghrole
// +kubebuilder:printcolumn:name="Display name",type=string,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Application ID",type=string,JSONPath=`.status.servicePrincipal.applicationID`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Role struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is what is declared.
	// +required
	Spec RoleSpec `json:"spec,omitzero"`
	// status is what was observed.
	// +optional
	// +kubebuilder:default={}
	Status RoleStatus `json:"status,omitzero"`
}

// RoleList is a list of Roles.
// +kubebuilder:object:root=true
type RoleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Role `json:"items"`
}
