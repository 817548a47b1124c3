// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// WorkspaceSpec says where a Databricks workspace is and how the operator signs in.
// +kubebuilder:validation:XValidation:rule="self.accountID == oldSelf.accountID && self.workspaceID == oldSelf.workspaceID",message="`accountID` and `workspaceID` may not change: create another Workspace"
type WorkspaceSpec struct {
	// host is the base URL of the workspace, for example https://dbc-1234.cloud.databricks.com.
	// +required
	Host HTTPSHost `json:"host,omitempty"`
	// accountHost is the base URL of the account console.
	// +optional
	// +kubebuilder:default="https://accounts.cloud.databricks.com"
	AccountHost HTTPSHost `json:"accountHost,omitempty"`
	// accountID is the id of the account, a UUID.
	// +required
	// +kubebuilder:validation:MinLength=36
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')`,message="must be a UUID in lower case, such as '0a0a0a0a-0000-4000-8000-000000000001'"
	AccountID string `json:"accountID,omitempty"`
	// workspaceID is the numeric id of the workspace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[0-9]+$')`,message="must be digits only"
	WorkspaceID string `json:"workspaceID,omitempty"`
	// caBundle holds the certificates that sign the hosts' certificates. Absent, the system's are used.
	// +optional
	CABundle PEMBundle `json:"caBundle,omitempty"`
	// authentication says how the operator signs in.
	// +required
	Authentication WorkspaceAuthentication `json:"authentication,omitzero"`
	// resyncIntervalSeconds is how often, with jitter, Databricks is compared with the
	// specs of everything in this workspace. Default 600.
	// +optional
	// +kubebuilder:default=600
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=86400
	ResyncIntervalSeconds int32 `json:"resyncIntervalSeconds,omitempty"`
	// managementPolicy says how far the operator may go in this workspace, with everything
	// that names it: the stricter of this and a resource's own counts. What MCPServers have
	// in the cluster goes on as declared, so that access can be taken away. Default Enforce.
	// +optional
	// +kubebuilder:default=Enforce
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`
	// genieQuestionsPerMinute is how many questions Genie is asked in this workspace in any
	// minute, by all MCPServers together. Databricks takes 5 unless arranged otherwise. Default 5.
	// +optional
	// +kubebuilder:default=5
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	GenieQuestionsPerMinute int32 `json:"genieQuestionsPerMinute,omitempty"`
}

// AuthenticationType is a way for the operator to sign in.
// +kubebuilder:validation:Enum=WorkloadIdentity;ClientSecret
type AuthenticationType string

const (
	// AuthenticationWorkloadIdentity exchanges the operator's projected service account token. No secret is stored.
	AuthenticationWorkloadIdentity AuthenticationType = "WorkloadIdentity"
	// AuthenticationClientSecret uses an OAuth client secret from the operator's namespace.
	AuthenticationClientSecret AuthenticationType = "ClientSecret"
)

// WorkspaceAuthentication says how the operator signs in.
// +kubebuilder:validation:XValidation:rule="self.type == 'ClientSecret' ? has(self.clientSecretRef) : !has(self.clientSecretRef)",message="`clientSecretRef` must be set for 'ClientSecret' and must not be set for 'WorkloadIdentity'"
type WorkspaceAuthentication struct {
	// type is the way to sign in.
	// +optional
	// +kubebuilder:default=WorkloadIdentity
	Type AuthenticationType `json:"type,omitempty"`
	// clientID is the application id of the operator's service principal.
	// +required
	// +kubebuilder:validation:MinLength=36
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')`,message="must be a UUID in lower case, such as '0a0a0a0a-0000-4000-8000-000000000001'"
	ClientID string `json:"clientID,omitempty"`
	// clientSecretRef names the OAuth secret, in the operator's namespace.
	// +optional
	ClientSecretRef *SecretKeyReference `json:"clientSecretRef,omitempty"`
}

// WorkspaceStatus is what the operator observed of a workspace.
type WorkspaceStatus struct {
	// conditions are Ready, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the first pass", lastTransitionTime: "1970-01-01T00:00:00Z"}}
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that was dealt with last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// principal is the application id that the workspace says the operator is.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Principal string `json:"principal,omitempty"`
	// capabilities say what the credential was seen to be able to do.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=64
	Capabilities []string `json:"capabilities,omitempty"`
}

// Workspace is a Databricks workspace and its account, and how the operator signs in to both.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=gatehouse
// +kubebuilder:printcolumn:name="Host",type=string,JSONPath=`.spec.host`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Principal",type=string,JSONPath=`.status.principal`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Workspace struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is what is declared.
	// +required
	Spec WorkspaceSpec `json:"spec,omitzero"`
	// status is what was observed.
	// +optional
	// +kubebuilder:default={}
	Status WorkspaceStatus `json:"status,omitzero"`
}

// WorkspaceList is a list of Workspaces.
// +kubebuilder:object:root=true
type WorkspaceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Workspace `json:"items"`
}
