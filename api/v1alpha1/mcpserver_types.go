// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MCPServerSpec declares a server that serves governed tools over MCP.
type MCPServerSpec struct {
	// pattern says whose identity a call has in Databricks.
	// +optional
	// +kubebuilder:default=Federation
	Pattern ServerPattern `json:"pattern,omitempty"`
	// workspaceRef names the Workspace that the tools run in.
	// +required
	WorkspaceRef LocalReference `json:"workspaceRef,omitzero"`
	// warehouseID is the SQL warehouse that statements run on: every role that may call a tool
	// that needs one is given CAN_USE on it.
	// +required
	WarehouseID WarehouseID `json:"warehouseID,omitempty"`
	// resource is the canonical URL of this server for its callers, such as
	// https://tools.example.com/mcp. Tokens must be issued for it.
	// +required
	Resource HTTPSURL `json:"resource,omitempty"`
	// federationPolicyRefs name the FederationPolicies of this namespace whose tokens count here.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	FederationPolicyRefs []LocalReference `json:"federationPolicyRefs,omitempty"`
	// toolRefs name the Tools of this namespace that are served.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	ToolRefs []LocalReference `json:"toolRefs,omitempty"`
	// replicas is how many pods serve. Default 2.
	// +optional
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=64
	Replicas *int32 `json:"replicas,omitempty"`
	// limits bound what a caller can do.
	// +optional
	// +kubebuilder:default={}
	Limits ServerLimits `json:"limits,omitzero"`
	// rateLimitStore is a Redis or Valkey server in which the pods count calls together.
	// Absent, each pod has its share of every limit.
	// +optional
	RateLimitStore *RateLimitStore `json:"rateLimitStore,omitempty"`
	// deniedSubjects are callers that are refused whatever their role, as `<issuer> <subject>`.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=11
	// +kubebuilder:validation:items:MaxLength=1024
	// +kubebuilder:validation:items:XValidation:rule=`self.matches(r'^https://[^ ]+ .+$')`,message="must be the issuer, a space and the subject, such as 'https://idp.example.com/ 1234'"
	DeniedSubjects []string `json:"deniedSubjects,omitempty"`
}

// ServerPattern says whose identity a call has in Databricks.
// +kubebuilder:validation:Enum=Federation
type ServerPattern string

// PatternFederation exchanges the caller's token for that of the role's service principal. The default.
const PatternFederation ServerPattern = "Federation"

// ServerLimits bound what a caller can do.
type ServerLimits struct {
	// maxTokenLifetimeSeconds is how long an exchanged token is used at most. Default 3600.
	// +optional
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=30
	// +kubebuilder:validation:Maximum=86400
	MaxTokenLifetimeSeconds int32 `json:"maxTokenLifetimeSeconds,omitempty"`
	// maxBodyBytes is how large a request may be. Default 1 MiB.
	// +optional
	// +kubebuilder:default=1048576
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=4194304
	MaxBodyBytes int32 `json:"maxBodyBytes,omitempty"`
	// maxConcurrentCalls is how many requests one pod works on at the same time. Default 256.
	// +optional
	// +kubebuilder:default=256
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4096
	MaxConcurrentCalls int32 `json:"maxConcurrentCalls,omitempty"`
	// callsPerMinutePerCaller is how many tools a caller may call in any minute. Absent, there is no such limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	CallsPerMinutePerCaller int32 `json:"callsPerMinutePerCaller,omitempty"`
	// callTimeoutSeconds is how long one call may take, but for those of `genie` tools (60 s)
	// and of `serving` tools (120 s). Default 35.
	// +optional
	// +kubebuilder:default=35
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=120
	CallTimeoutSeconds int32 `json:"callTimeoutSeconds,omitempty"`
}

// RateLimitStore is a Redis or Valkey server.
// +kubebuilder:validation:XValidation:rule="has(self.caBundle) && has(self.tls) ? self.tls == 'Required' : true",message="`caBundle` may be set where `tls` is 'Required' only: without TLS no certificate is looked at"
type RateLimitStore struct {
	// address is the host and port of the server.
	// +required
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=300
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$')`,message="must be a host and a port of at most 65535, such as 'valkey.tools.svc:6379'"
	Address string `json:"address,omitempty"`
	// tls says how the connection is secured. Default Required.
	// +optional
	// +kubebuilder:default=Required
	TLS RateLimitStoreTLS `json:"tls,omitempty"`
	// caBundle holds the certificates that sign the server's. Absent, the system's are used.
	// +optional
	CABundle PEMBundle `json:"caBundle,omitempty"`
	// credentialsSecretName names a Secret of this namespace with the key `password` and, where
	// the server wants one, `username`. It is mounted into the pods; the operator does not read it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$')`,message="must be the name of a Secret"
	CredentialsSecretName string `json:"credentialsSecretName,omitempty"`
}

// RateLimitStoreTLS says how a connection is secured.
// +kubebuilder:validation:Enum=Required;Disabled
type RateLimitStoreTLS string

const (
	// RateLimitStoreTLSRequired speaks TLS and checks the certificate. The default.
	RateLimitStoreTLSRequired RateLimitStoreTLS = "Required"
	// RateLimitStoreTLSDisabled speaks plain text, for a server in the same pod network.
	RateLimitStoreTLSDisabled RateLimitStoreTLS = "Disabled"
)

// AccessRow is one role of the access matrix.
type AccessRow struct {
	// role is `<namespace>/<name>` of the Role.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=320
	Role string `json:"role,omitempty"`
	// tools are the names of the tools that it may call, sorted.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=128
	Tools []string `json:"tools,omitempty"`
}

// AccessStatus is the access matrix that the pods enforce.
type AccessStatus struct {
	// hash identifies the whole access document, of which the matrix is a part. Pods report the hash they run.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Hash string `json:"hash,omitempty"`
	// matrix is which role may call which tool.
	// +optional
	// +listType=map
	// +listMapKey=role
	// +kubebuilder:validation:MaxItems=2048
	Matrix []AccessRow `json:"matrix,omitempty"`
}

// CellFinding is a cell of the matrix that Databricks does not agree with.
type CellFinding struct {
	// role is `<namespace>/<name>` of the Role.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=320
	Role string `json:"role,omitempty"`
	// tool is the name of the tool.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Tool string `json:"tool,omitempty"`
	// because names the privileges and objects, and where an open one comes from.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Because string `json:"because,omitempty"`
	// scopesLacking are scopes that the tool needs and the tokens of the Role do not have. They stop a
	// call through the server, not somebody who exchanges a token past it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=128
	ScopesLacking []string `json:"scopesLacking,omitempty"`
}

// EnforcementStatus is what Databricks says of the access matrix: of each role and tool, whether the
// effective privileges of the role's service principal, its groups included, are as the matrix has it.
// Of each list the first 256 cells are shown.
type EnforcementStatus struct {
	// granted is how many cells that say yes have all that they need.
	// +optional
	Granted int32 `json:"granted,omitempty"`
	// enforced is how many cells that say no Databricks refuses by itself, for want of a grant.
	// +optional
	Enforced int32 `json:"enforced,omitempty"`
	// matrixOnly are cells that say no and need only what other cells of the role need, as `<role> <tool>`.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=1024
	MatrixOnly []string `json:"matrixOnly,omitempty"`
	// open are cells that say no and work by a grant from elsewhere.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Open []CellFinding `json:"open,omitempty"`
	// missing are cells that say yes and lack a grant.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Missing []CellFinding `json:"missing,omitempty"`
	// unknown are cells of which Databricks did not say enough.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Unknown []CellFinding `json:"unknown,omitempty"`
	// checkedAt is when this was first seen.
	// +optional
	CheckedAt *metav1.Time `json:"checkedAt,omitempty"`
}

// SealingKeysStatus says which sealing keys the Secret holds. The keys themselves are nowhere but there.
type SealingKeysStatus struct {
	// ids are the ids of the keys: the times from which they are used.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=64
	IDs []string `json:"ids,omitempty"`
	// fingerprint tells one set of keys from another and nothing else of them.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Fingerprint string `json:"fingerprint,omitempty"`
}

// PodStatus is what one pod said of itself.
type PodStatus struct {
	// name is the name of the pod.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
	// hash is the hash of the access document that it enforces.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Hash string `json:"hash,omitempty"`
	// tools is how many tools its MCP handshake listed.
	// +optional
	Tools int32 `json:"tools,omitempty"`
	// message says what is wrong with it, if anything is.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message,omitempty"`
}

// MCPServerStatus is what the operator observed of an MCPServer.
type MCPServerStatus struct {
	// conditions are Ready, ReferencesResolved, WithinBoundary, RateLimitsShared, MatrixEnforced, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the first pass", lastTransitionTime: "1970-01-01T00:00:00Z"}}
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that was dealt with last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// sealingKeys are the ids of the keys that the pods seal conversations with.
	// +optional
	SealingKeys SealingKeysStatus `json:"sealingKeys,omitzero"`
	// access is the matrix that the pods enforce.
	// +optional
	Access AccessStatus `json:"access,omitzero"`
	// enforcement is what Databricks says of the matrix.
	// +optional
	Enforcement *EnforcementStatus `json:"enforcement,omitempty"`
	// replicas is how many pods are wanted.
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
	// currentReplicas is how many pods are ready and run the current access document.
	// +optional
	CurrentReplicas int32 `json:"currentReplicas,omitempty"`
	// pods are the pods, each with the hash it runs.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=128
	Pods []PodStatus `json:"pods,omitempty"`
}

// MCPServer serves governed tools over MCP.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=gatehouse
// +kubebuilder:printcolumn:name="Resource",type=string,JSONPath=`.spec.resource`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Current",type=integer,JSONPath=`.status.currentReplicas`,priority=1
// +kubebuilder:printcolumn:name="Enforced",type=string,JSONPath=`.status.conditions[?(@.type=="MatrixEnforced")].status`,priority=1
// +kubebuilder:printcolumn:name="Hash",type=string,JSONPath=`.status.access.hash`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type MCPServer struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is what is declared.
	// +required
	Spec MCPServerSpec `json:"spec,omitzero"`
	// status is what was observed.
	// +optional
	// +kubebuilder:default={}
	Status MCPServerStatus `json:"status,omitzero"`
}

// MCPServerList is a list of MCPServers.
// +kubebuilder:object:root=true
type MCPServerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []MCPServer `json:"items"`
}
