// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ToolSpec declares one governed tool. It says what the tool reads, so that the
// grants of the roles that may call it can be derived.
// +kubebuilder:validation:ExactlyOneOf=identity;sql
// +kubebuilder:validation:XValidation:rule="has(self.identity) ? !has(self.reads) : true",message="`reads` must not be set for an `identity` tool: it reads nothing"
// +kubebuilder:validation:XValidation:rule="self.toolName == oldSelf.toolName",message="`toolName` may not change: create another Tool"
type ToolSpec struct {
	// toolName is the name that MCP clients see and call. Immutable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z][a-z0-9_]*$')`,message="must be lower-case letters, digits and underscores, with a letter first"
	ToolName string `json:"toolName"`
	// title is the name for people.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Title string `json:"title,omitempty"`
	// description tells a model what the tool does and when to use it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Description string `json:"description"`
	// inputSchema is the JSON Schema (2020-12) of the arguments: an object with
	// `properties`. Absent, the tool takes no arguments. Every property must be a
	// string, an integer, a number or a boolean.
	// +optional
	// +kubebuilder:validation:Type=object
	// +kubebuilder:validation:XPreserveUnknownFields
	InputSchema *apiextensionsv1.JSON `json:"inputSchema,omitempty"`
	// reads are the tables that the tool selects from: each becomes SELECT on the table,
	// USE_SCHEMA and USE_CATALOG for every role that may call the tool.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:XValidation:rule="size(self.split('.')) == 3",message="must be a table's full name in three parts"
	Reads []SecurableName `json:"reads,omitempty"`
	// behavior hints tell clients what a call may do. They are hints and no control.
	// +optional
	Behavior ToolBehavior `json:"behavior,omitzero"`
	// identity makes a tool that shows who the caller is to the SQL engine.
	// +optional
	Identity *IdentityTool `json:"identity,omitempty"`
	// sql makes a tool that runs one SQL statement as the caller's role.
	// +optional
	SQL *SQLTool `json:"sql,omitempty"`
}

// Hint answers a yes-or-no question about a tool.
// +kubebuilder:validation:Enum=Yes;No
type Hint string

const (
	// HintYes says yes.
	HintYes Hint = "Yes"
	// HintNo says no.
	HintNo Hint = "No"
)

// ToolBehavior tells clients what a call may do.
type ToolBehavior struct {
	// readOnly says that a call changes nothing. Default Yes.
	// +optional
	// +kubebuilder:default=Yes
	ReadOnly Hint `json:"readOnly,omitempty"`
	// idempotent says that a repeated call changes nothing more. Default Yes.
	// +optional
	// +kubebuilder:default=Yes
	Idempotent Hint `json:"idempotent,omitempty"`
	// openWorld says that a call reaches beyond Databricks. Default No.
	// +optional
	// +kubebuilder:default=No
	OpenWorld Hint `json:"openWorld,omitempty"`
	// destructive says that a call may destroy something. Default No.
	// +optional
	// +kubebuilder:default=No
	Destructive Hint `json:"destructive,omitempty"`
}

// IdentityTool shows who the caller is to the SQL engine.
type IdentityTool struct {
	// groups are the account groups whose membership is shown, as is_account_group_member() sees it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Groups []AccountGroupName `json:"groups,omitempty"`
}

// SQLParameterType is a SQL type that an argument is bound as.
// +kubebuilder:validation:Enum=STRING;INT;BIGINT;DOUBLE;BOOLEAN;DATE;TIMESTAMP
type SQLParameterType string

// SQLParameter binds one argument.
type SQLParameter struct {
	// name is both the property in the input schema and the marker `:name` in the statement.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z][a-z0-9_]*$')`,message="must be lower-case letters, digits and underscores, with a letter first"
	Name string `json:"name"`
	// type is the SQL type that the argument is bound as. Default STRING.
	// +optional
	// +kubebuilder:default=STRING
	Type SQLParameterType `json:"type,omitempty"`
}

// SQLTool runs one statement as the caller's role.
type SQLTool struct {
	// statement is one SELECT statement with named markers such as `:region`. Arguments are
	// bound as parameters and never become part of the text.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	Statement string `json:"statement"`
	// parameters bind arguments to markers. An argument that is absent is bound as NULL.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Parameters []SQLParameter `json:"parameters,omitempty"`
	// maxRows is how many rows are returned at most; beyond it the answer says that it was truncated. Default 100.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxRows int32 `json:"maxRows,omitempty"`
}

// ToolStatus is what the operator observed of a Tool.
type ToolStatus struct {
	// conditions: Ready, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the first pass", lastTransitionTime: "1970-01-01T00:00:00Z"}}
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that was dealt with last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// Tool is one governed tool.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=gatehouse
// +kubebuilder:printcolumn:name="Tool",type=string,JSONPath=`.spec.toolName`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Tool struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is what is declared.
	// +required
	Spec ToolSpec `json:"spec,omitzero"`
	// status is what was observed.
	// +optional
	// +kubebuilder:default={}
	Status ToolStatus `json:"status,omitzero"`
}

// ToolList is a list of Tools.
// +kubebuilder:object:root=true
type ToolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Tool `json:"items"`
}
