// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Names of annotations and labels that carry the API group.
const (
	// AnnotationReconcileRequestedAt asks for a pass now; any new value does.
	AnnotationReconcileRequestedAt = "gatehouse.dev/reconcile-requested-at"
	// AnnotationAccessHash is put on the pods of an MCPServer so that kubelet refreshes their ConfigMap at once.
	AnnotationAccessHash = "gatehouse.dev/access-hash"
	// LabelServer names the MCPServer that a cluster object belongs to.
	LabelServer = "gatehouse.dev/mcp-server"
)

// ManagementPolicy says how far the operator may go.
// +kubebuilder:validation:Enum=Enforce;ObserveOnly;Paused
type ManagementPolicy string

const (
	// ManagementEnforce makes Databricks agree with the spec. The default.
	ManagementEnforce ManagementPolicy = "Enforce"
	// ManagementObserveOnly reports what would be done and writes nothing.
	ManagementObserveOnly ManagementPolicy = "ObserveOnly"
	// ManagementPaused does nothing at all.
	ManagementPaused ManagementPolicy = "Paused"
)

// DeletionPolicy says what happens in Databricks when the resource is deleted.
// +kubebuilder:validation:Enum=Delete;Orphan
type DeletionPolicy string

const (
	// DeletionDelete removes what the resource created. The default.
	DeletionDelete DeletionPolicy = "Delete"
	// DeletionOrphan leaves it where it is.
	DeletionOrphan DeletionPolicy = "Orphan"
)

// LocalReference names a resource in the same namespace, or a cluster-scoped one.
type LocalReference struct {
	// name is the metadata.name of the resource.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')`,message="must be lower-case letters, digits, dashes and dots, with a letter or digit first and last in each part"
	Name string `json:"name,omitempty"`
}

// SecretKeyReference names one key of a Secret.
type SecretKeyReference struct {
	// name is the name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')`,message="must be lower-case letters, digits, dashes and dots, with a letter or digit first and last in each part"
	Name string `json:"name,omitempty"`
	// key is the key whose value is used.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9._-]+$')`,message="must be letters, digits, dashes, underscores and dots"
	Key string `json:"key,omitempty"`
}

// SecurableType is a kind of Unity Catalog object.
// +kubebuilder:validation:Enum=Catalog;Schema;Table;Function;Connection;MCPService
type SecurableType string

const (
	// SecurableCatalog is a catalog, named `c`.
	SecurableCatalog SecurableType = "Catalog"
	// SecurableSchema is a schema, named `c.s`.
	SecurableSchema SecurableType = "Schema"
	// SecurableTable is a table or view, named `c.s.t`.
	SecurableTable SecurableType = "Table"
	// SecurableFunction is a function, named `c.s.f`.
	SecurableFunction SecurableType = "Function"
	// SecurableConnection is a connection, named `c`.
	SecurableConnection SecurableType = "Connection"
	// SecurableMCPService is an MCP service, named `c.s.m`.
	SecurableMCPService SecurableType = "MCPService"
)

// Privilege is a Unity Catalog privilege that the operator may grant. ALL
// PRIVILEGES, MANAGE and ownership are not among them and never will be.
// +kubebuilder:validation:Enum=USE_CATALOG;USE_SCHEMA;SELECT;EXECUTE;MODIFY;READ_VOLUME;BROWSE;USE_CONNECTION
type Privilege string

// SecurableName is the name of a Unity Catalog object in one to three parts,
// each of lower-case letters, digits, underscores and dashes.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9_][a-z0-9_-]*(\.[a-z0-9_][a-z0-9_-]*){0,2}$')`,message="must be one to three names joined by dots, each of lower-case letters, digits, underscores and dashes, and no dash first"
type SecurableName string

// Securable names one Unity Catalog object.
// +kubebuilder:validation:XValidation:rule="self.type in ['Catalog','Connection'] ? size(self.name.split('.')) == 1 : (self.type == 'Schema' ? size(self.name.split('.')) == 2 : size(self.name.split('.')) == 3)",message="`name` must have one part for a 'Catalog' and a 'Connection', two for a 'Schema' and three for a 'Table', 'Function' or 'MCPService'"
type Securable struct {
	// type is the kind of object.
	// +required
	Type SecurableType `json:"type,omitempty"`
	// name is the full name, lower case.
	// +required
	Name SecurableName `json:"name,omitempty"`
}

// Grant gives privileges on one Unity Catalog object to a role's service principal.
// +kubebuilder:validation:XValidation:rule="self.privileges.all(p, self.type == 'MCPService' ? p == 'EXECUTE' : self.type == 'Connection' || p == 'USE_CONNECTION' ? self.type == 'Connection' && p == 'USE_CONNECTION' : p == 'USE_CATALOG' ? self.type == 'Catalog' : (p == 'USE_SCHEMA' ? self.type in ['Catalog','Schema'] : (p in ['SELECT','MODIFY'] ? self.type != 'Function' : (p == 'EXECUTE' ? self.type != 'Table' : (p == 'READ_VOLUME' ? self.type in ['Catalog','Schema'] : self.type != 'Function')))))",message="each of `privileges` must be one that the `type` has: a 'Catalog' all but 'USE_CONNECTION'; a 'Schema' the same without 'USE_CATALOG'; a 'Table' 'SELECT', 'MODIFY' and 'BROWSE'; a 'Function' 'EXECUTE'; a 'Connection' 'USE_CONNECTION'; an 'MCPService' 'EXECUTE'"
type Grant struct {
	Securable `json:",inline"`
	// privileges are what is granted on the object.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=7
	Privileges []Privilege `json:"privileges,omitempty"`
}

// ConnectionName is the name of a Unity Catalog connection.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9_][a-z0-9_-]*$')`,message="must be lower-case letters, digits, underscores and dashes, and no dash first"
type ConnectionName string

// AccountGroupName is the display name of an account group.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9][A-Za-z0-9 _.-]*$')`,message="must be letters, digits, spaces, underscores, dots and dashes, with a letter or digit first"
type AccountGroupName string

// PEMBundle is one or more PEM encoded certificates.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=65536
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^-----BEGIN CERTIFICATE-----')`,message="must begin with '-----BEGIN CERTIFICATE-----'"
type PEMBundle string

// HTTPSURL is an https URL without user information, query or fragment.
// +kubebuilder:validation:MinLength=9
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$')`,message="must be an https URL without user, query or fragment"
type HTTPSURL string

// HTTPSHost is an https URL of a host: no path, query, fragment or trailing slash.
// +kubebuilder:validation:MinLength=9
// +kubebuilder:validation:MaxLength=300
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$')`,message="must be the https URL of a host, without user, path, query, fragment or trailing slash"
type HTTPSHost string

// WarehouseID is the id of a SQL warehouse.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9-]+$')`,message="must be letters, digits and dashes"
type WarehouseID string

// NamePattern is a name in which '*' stands for any characters.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9_.*/ -]+$')`,message="must be letters, digits, spaces and any of '_', '.', '/' and '-', with '*' for any characters"
type NamePattern string

// OAuthScope is a Databricks OAuth scope. `all-apis` is refused: a token must
// say what it is for.
// +kubebuilder:validation:Enum=sql;genie;dashboards.genie;model-serving;vector-search;unity-catalog
type OAuthScope string
