// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ConnectionSpec is a Unity Catalog connection to an HTTP service, with the credential
// that it calls the service with.
// +kubebuilder:validation:ExactlyOneOf=bearerToken;oauthM2M
// +kubebuilder:validation:XValidation:rule="self.workspaceRef.name == oldSelf.workspaceRef.name && self.connectionName == oldSelf.connectionName",message="`workspaceRef` and `connectionName` may not change: create another Connection"
// +kubebuilder:validation:XValidation:rule="self.protocol == oldSelf.protocol",message="`protocol` may not change, because Unity Catalog cannot change it: create another Connection"
// +kubebuilder:validation:XValidation:rule="has(self.comment) == has(oldSelf.comment) && (!has(self.comment) || self.comment == oldSelf.comment)",message="`comment` may not change, because Unity Catalog cannot change it: create another Connection"
// +kubebuilder:validation:XValidation:rule="!has(self.mcpService) || self.protocol == 'MCP'",message="`mcpService` needs `protocol` to be 'MCP'"
type ConnectionSpec struct {
	// workspaceRef names the Workspace that the connection is managed through. Immutable.
	// +required
	WorkspaceRef LocalReference `json:"workspaceRef,omitzero"`
	// connectionName is the name of the connection in Unity Catalog. Immutable.
	// +required
	ConnectionName ConnectionName `json:"connectionName,omitempty"`
	// host is the https address of the service, without a port.
	// +required
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r':[0-9]+$')`,message="must be without a port: `port` is a field of its own"
	Host HTTPSHost `json:"host,omitempty"`
	// port is the port of the service. Default 443.
	// +optional
	// +kubebuilder:default=443
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
	// basePath is what every path that is called begins with. Default '/'.
	// +optional
	// +kubebuilder:default="/"
	BasePath BasePath `json:"basePath,omitempty"`
	// comment is what people read about the connection; the mark of the operator follows
	// it. Immutable. An adopted connection keeps its own.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^\x00-\x1f\x7f]+$')`,message="must be without control characters"
	Comment string `json:"comment,omitempty"`
	// protocol is what the service speaks. Default HTTP. Immutable.
	// +optional
	// +kubebuilder:default=HTTP
	Protocol ConnectionProtocol `json:"protocol,omitempty"`
	// bearerToken is a token that every call carries.
	// +optional
	BearerToken *BearerToken `json:"bearerToken,omitempty"`
	// oauthM2M has Databricks get tokens for calls with the client credentials of OAuth.
	// +optional
	OAuthM2M *OAuthM2M `json:"oauthM2M,omitempty"`
	// mcpService is an MCP service over the connection: the tools of the server that may
	// be called through Unity Catalog, by whom EXECUTE is granted on it. Needs `protocol` MCP.
	// +optional
	MCPService *MCPService `json:"mcpService,omitempty"`
	// adoption says whether a connection or an MCP service that somebody else has made is
	// taken over. Default Never.
	// +optional
	// +kubebuilder:default=Never
	Adoption AdoptionPolicy `json:"adoption,omitempty"`
	// managementPolicy says how far the operator may go. Default Enforce.
	// +optional
	// +kubebuilder:default=Enforce
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`
	// deletionPolicy says what happens to the connection and its MCP service when this
	// resource is deleted, or no longer allowed by the Boundary. Default Delete.
	// +optional
	// +kubebuilder:default=Delete
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// ConnectionProtocol is what a service speaks.
// +kubebuilder:validation:Enum=HTTP;MCP
type ConnectionProtocol string

const (
	// ProtocolHTTP is an HTTP API. The default.
	ProtocolHTTP ConnectionProtocol = "HTTP"
	// ProtocolMCP is a server of the Model Context Protocol; Unity Catalog says `is_mcp_connection`.
	ProtocolMCP ConnectionProtocol = "MCP"
)

// BasePath is an absolute path without a query.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^/([A-Za-z0-9._~-]+/?)*$') && !self.matches(r'/[.][.]?(/|$)')`,message="must be an absolute path of letters, digits and any of '.', '_', '~' and '-', without empty parts, '.' and '..'"
type BasePath string

// BearerToken is a token in a Secret.
type BearerToken struct {
	// secretRef names the Secret, in the namespace of the Connection, and the key that holds the token.
	// +required
	SecretRef SecretKeyReference `json:"secretRef,omitzero"`
}

// OAuthM2M are client credentials.
type OAuthM2M struct {
	// clientID is the id of the client.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\x21-\x7e]+$')`,message="must be printable ASCII without spaces"
	ClientID string `json:"clientID,omitempty"`
	// clientSecretRef names the Secret, in the namespace of the Connection, and the key that holds the client's secret.
	// +required
	ClientSecretRef SecretKeyReference `json:"clientSecretRef,omitzero"`
	// tokenEndpoint is where tokens are asked for.
	// +required
	TokenEndpoint HTTPSURL `json:"tokenEndpoint,omitempty"`
	// scope is what the tokens are for: scopes with a space between them.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\x21-\x7e]+( [\x21-\x7e]+)*$')`,message="must be scopes of printable ASCII with one space between them"
	Scope string `json:"scope,omitempty"`
}

// MCPService is a Unity Catalog MCP service.
type MCPService struct {
	// name is the full name of the service. One that is renamed is made anew, without the
	// grants that others made on it.
	// +required
	// +kubebuilder:validation:XValidation:rule="size(self.split('.')) == 3",message="must have three parts: `catalog.schema.service`"
	Name SecurableName `json:"name,omitempty"`
	// tools are the tools that can be called: names, prefixes that end in '*', or the single
	// entry '*' for all tools, also those that the server gets later.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:XValidation:rule="size(self) == 1 || !self.exists(t, t == '*')",message="'*' stands for all tools and must be the only entry"
	Tools []ToolSelector `json:"tools,omitempty"`
}

// ToolSelector is the name of a tool, or a prefix of names that ends in '*'.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^([A-Za-z0-9_./-]+[*]?|[*])$')`,message="must be letters, digits and any of '_', '.', '/' and '-', with '*' at the end only"
type ToolSelector string

// ConnectionCredential tells one credential from another without telling what it is.
type ConnectionCredential struct {
	// fingerprint is a keyed hash of the secret that was written last.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint,omitempty"`
	// writtenAt is when Databricks says that the operator wrote it, in milliseconds since 1970.
	// +optional
	WrittenAt int64 `json:"writtenAt,omitempty"`
	// writtenBy is who Databricks says wrote it: the operator.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	WrittenBy string `json:"writtenBy,omitempty"`
}

// ConnectionStatus is what the operator observed of a Connection.
type ConnectionStatus struct {
	// conditions are Ready, ReferencesResolved, Synced, WithinBoundary, MCPServiceReady, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the first pass", lastTransitionTime: "1970-01-01T00:00:00Z"}}
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that was dealt with last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// intent is the mark that is written before the connection is created, so that a lost
	// answer leads to finding it again.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Intent string `json:"intent,omitempty"`
	// connectionID is the ownership record: the id of the connection that this resource made or adopted.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ConnectionID string `json:"connectionID,omitempty"`
	// adopted says whether somebody else made the connection: 'True' or 'False'.
	// +optional
	// +kubebuilder:validation:Enum="True";"False"
	Adopted string `json:"adopted,omitempty"`
	// url is where the connection leads.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	URL string `json:"url,omitempty"`
	// updatedBy is who changed the connection last.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	UpdatedBy string `json:"updatedBy,omitempty"`
	// credential is what was written last of the credential.
	// +optional
	Credential ConnectionCredential `json:"credential,omitzero"`
	// mcpServices are the full names of MCP services that this resource made, or was about to make.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=765
	MCPServices    []string `json:"mcpServices,omitempty"`
	ExternalStatus `json:",inline"`
}

// Connection is a Unity Catalog connection to an HTTP service, and the MCP service over it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=gatehouse,path=connections,singular=connection
// +kubebuilder:printcolumn:name="Connection",type=string,JSONPath=`.spec.connectionName`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="MCP service",type=string,JSONPath=`.status.conditions[?(@.type=="MCPServiceReady")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Connection ID",type=string,JSONPath=`.status.connectionID`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Connection struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is what is declared.
	// +required
	Spec ConnectionSpec `json:"spec,omitzero"`
	// status is what was observed.
	// +optional
	// +kubebuilder:default={}
	Status ConnectionStatus `json:"status,omitzero"`
}

// ConnectionList is a list of Connections.
// +kubebuilder:object:root=true
type ConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Connection `json:"items"`
}
