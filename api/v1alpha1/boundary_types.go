// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BoundarySpec says what the resources of some namespaces may ask for at most.
// An empty list allows nothing.
type BoundarySpec struct {
	// namespaces are the namespaces that this Boundary is for. A namespace named by
	// no Boundary, or by several, is allowed nothing.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Namespaces []BoundaryNamespace `json:"namespaces,omitempty"`
	// workspaces are the names of the Workspaces that may be used.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Workspaces []NamePattern `json:"workspaces,omitempty"`
	// groups say which account groups roles may be members of.
	// +optional
	Groups BoundaryGroups `json:"groups,omitzero"`
	// servicePrincipals are the application ids of existing service principals that Roles may
	// adopt. Whoever may create Roles can be such a principal then: allow none that administers.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	ServicePrincipals []NamePattern `json:"servicePrincipals,omitempty"`
	// grants say which privileges on which objects may be asked for, by tools and by Roles.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Grants []BoundaryGrant `json:"grants,omitempty"`
	// warehouses are the ids of the SQL warehouses that may be used.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Warehouses []NamePattern `json:"warehouses,omitempty"`
	// genieSpaces are the ids of the Genie spaces that may be used.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	GenieSpaces []NamePattern `json:"genieSpaces,omitempty"`
	// servingEndpoints are the names of the serving endpoints that may be queried.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	ServingEndpoints []NamePattern `json:"servingEndpoints,omitempty"`
	// scopes are the OAuth scopes that a role's token may have.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Scopes []OAuthScope `json:"scopes,omitempty"`
	// issuers are the identity providers that may be trusted, compared byte for byte.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Issuers []HTTPSURL `json:"issuers,omitempty"`
	// issuerNetwork says where keys of an issuer may be fetched from.
	// +optional
	// +kubebuilder:default=Public
	IssuerNetwork IssuerNetwork `json:"issuerNetwork,omitempty"`
	// tools are the names of the tools (`spec.toolName`) that roles may call.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=128
	Tools []NamePattern `json:"tools,omitempty"`
	// servers are the MCPServers, as `<namespace>/<name>`, that roles may be served by.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=128
	Servers []NamePattern `json:"servers,omitempty"`
	// dataPolicies say which tables may be governed by DataPolicies.
	// +optional
	DataPolicies BoundaryDataPolicies `json:"dataPolicies,omitzero"`
	// connections say which connections may be declared by Connections, and where they may lead.
	// +optional
	Connections BoundaryConnections `json:"connections,omitzero"`
	// modelEndpoints say which serving endpoints may be configured by ModelEndpoints.
	// +optional
	ModelEndpoints BoundaryModelEndpoints `json:"modelEndpoints,omitzero"`
	// hosting says whether MCPServers may run in these namespaces.
	// +optional
	// +kubebuilder:default=Denied
	Hosting Hosting `json:"hosting,omitempty"`
}

// Hosting says whether MCPServers may run in a namespace.
// +kubebuilder:validation:Enum=Denied;Allowed
type Hosting string

const (
	// HostingDenied lets no MCPServer run there. The default.
	HostingDenied Hosting = "Denied"
	// HostingAllowed lets MCPServers run there.
	HostingAllowed Hosting = "Allowed"
)

// IssuerNetwork says where an issuer's keys may be fetched from.
// +kubebuilder:validation:Enum=Public;Any
type IssuerNetwork string

const (
	// IssuerNetworkPublic refuses loopback, link-local, private and cluster addresses. The default.
	IssuerNetworkPublic IssuerNetwork = "Public"
	// IssuerNetworkAny allows every address but loopback and link-local, for identity providers inside the network.
	IssuerNetworkAny IssuerNetwork = "Any"
)

// BoundaryNamespace names a namespace.
type BoundaryNamespace struct {
	// name is the name of the namespace.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')`,message="must be lower-case letters, digits and dashes, with a letter or digit at both ends"
	Name string `json:"name,omitempty"`
	// uid accepts the namespace with this UID only. Absent, the first UID seen is
	// pinned in status, and a namespace recreated under the same name is denied
	// until its new UID is written here.
	// +optional
	// +kubebuilder:validation:MinLength=36
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')`,message="must be a UUID in lower case, such as '0a0a0a0a-0000-4000-8000-000000000001'"
	UID string `json:"uid,omitempty"`
}

// BoundaryGroups say which account groups may be used.
type BoundaryGroups struct {
	// memberOf are the groups that roles may be members of.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	MemberOf []NamePattern `json:"memberOf,omitempty"`
	// create are the groups that may be created when they do not exist.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Create []NamePattern `json:"create,omitempty"`
}

// BoundaryDataPolicies say what DataPolicies may govern, and with what.
type BoundaryDataPolicies struct {
	// tables match the full names of tables that may get a row filter and column masks.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Tables []NamePattern `json:"tables,omitempty"`
	// functions match the full names of functions that may be made, named `gh_` and twelve
	// hexadecimal digits, and of existing ones that may be used.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Functions []NamePattern `json:"functions,omitempty"`
}

// BoundaryConnections say which connections may be declared, and where they may lead.
type BoundaryConnections struct {
	// names match the names of connections.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Names []NamePattern `json:"names,omitempty"`
	// hosts match the host names that connections and their token endpoints may have,
	// such as `api.example.com`. '*' stands for any characters but a dot.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Hosts []NamePattern `json:"hosts,omitempty"`
	// mcpServices match the full names of MCP services.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	MCPServices []NamePattern `json:"mcpServices,omitempty"`
}

// BoundaryModelEndpoints say what ModelEndpoints may configure, and where they may log.
type BoundaryModelEndpoints struct {
	// names match the names of serving endpoints whose AI Gateway may be configured.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Names []NamePattern `json:"names,omitempty"`
	// payloadTables match `<catalog>.<schema>.<tablePrefix>` of payload logging.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	PayloadTables []NamePattern `json:"payloadTables,omitempty"`
}

// BoundaryGrant allows privileges on the objects that match.
type BoundaryGrant struct {
	// type is the kind of object.
	// +required
	Type SecurableType `json:"type,omitempty"`
	// names match the full names of the objects.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Names []NamePattern `json:"names,omitempty"`
	// privileges are what may be granted on them.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=7
	Privileges []Privilege `json:"privileges,omitempty"`
}

// BoundaryStatus is what the operator observed of a Boundary.
type BoundaryStatus struct {
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
	// namespaces are the namespaces as first seen, with the UID that is accepted.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Namespaces []BoundaryNamespace `json:"namespaces,omitempty"`
}

// Boundary says what the resources of some namespaces may ask for at most. The
// controllers check it before any write to Databricks.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=gatehouse,path=boundaries
// +kubebuilder:printcolumn:name="Namespaces",type=string,JSONPath=`.spec.namespaces[*].name`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Boundary struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is what is declared.
	// +required
	Spec BoundarySpec `json:"spec,omitzero"`
	// status is what was observed.
	// +optional
	// +kubebuilder:default={}
	Status BoundaryStatus `json:"status,omitzero"`
}

// BoundaryList is a list of Boundaries.
// +kubebuilder:object:root=true
type BoundaryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Boundary `json:"items"`
}
