// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ToolAccessSpec says which roles may call which tools of one MCPServer. What
// no ToolAccess says is denied.
type ToolAccessSpec struct {
	// serverRef names the MCPServer, in this namespace.
	// +required
	ServerRef LocalReference `json:"serverRef,omitzero"`
	// rules are the cells that say yes.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Rules []AccessRule `json:"rules,omitempty"`
}

// AccessRule lets some roles call some tools.
// +kubebuilder:validation:XValidation:rule="has(self.roles) || has(self.selector)",message="at least one of `roles` and `selector` must be set"
type AccessRule struct {
	// name identifies the rule within the ToolAccess.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9]([a-z0-9-]*[a-z0-9])?$')`,message="must be lower-case letters, digits and dashes, with a letter or digit at both ends"
	Name string `json:"name,omitempty"`
	// tools are the names (`spec.toolName`) of the tools that may be called.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:XValidation:rule=`self.matches(r'^[a-z][a-z0-9_]*$')`,message="must be lower-case letters, digits and underscores, with a letter first"
	Tools []string `json:"tools,omitempty"`
	// roles are the names of Roles in this namespace.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Roles []string `json:"roles,omitempty"`
	// selector selects Roles of other namespaces.
	// +optional
	Selector *RoleSelector `json:"selector,omitempty"`
	// until is when the rule ends: from then on it gives nothing, in the matrix and in Databricks.
	// A later time brings it back. Absent, it does not end.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
	// when is a condition: a CEL expression over `caller` (`role`, `subject`, `email`, `issuer`, and
	// `claims` of the verified token), `args` (the arguments of the call), `tool` (its name) and `now`
	// (a timestamp). A call that it is not true for is denied, and so is one that it fails for.
	// Absent, there is no condition.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	When string `json:"when,omitempty"`
}

// RoleSelector selects Roles by the labels of their namespace together with their
// own. Tenants write the labels of their Roles, so those alone select nothing.
// +kubebuilder:validation:XValidation:rule="has(self.namespaces.matchLabels) && size(self.namespaces.matchLabels) > 0 || has(self.namespaces.matchExpressions) && size(self.namespaces.matchExpressions) > 0",message="`namespaces` must have `matchLabels` or `matchExpressions`: an empty selector selects nothing"
type RoleSelector struct {
	// namespaces select by the labels of the Namespace, which the platform team writes.
	// +required
	Namespaces metav1.LabelSelector `json:"namespaces,omitzero"`
	// roles narrow the selection by the labels of the Role. Absent, every Role of those namespaces is taken in.
	// +optional
	Roles *metav1.LabelSelector `json:"roles,omitempty"`
}

// ToolAccessStatus is what the operator observed of a ToolAccess.
type ToolAccessStatus struct {
	// conditions are Ready, ReferencesResolved, RulesInForce, WithinBoundary, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the first pass", lastTransitionTime: "1970-01-01T00:00:00Z"}}
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that was dealt with last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// roles is how many Roles the rules select.
	// +optional
	Roles int32 `json:"roles,omitempty"`
	// cells is how many cells of the matrix the rules fill.
	// +optional
	Cells int32 `json:"cells,omitempty"`
	// endedRules are the names of the rules that have ended, sorted.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	EndedRules []string `json:"endedRules,omitempty"`
	// nextEnd is when the next rule ends.
	// +optional
	NextEnd *metav1.Time `json:"nextEnd,omitempty"`
}

// ToolAccess fills cells of the access matrix of one MCPServer.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=gatehouse,path=toolaccesses,singular=toolaccess
// +kubebuilder:printcolumn:name="Server",type=string,JSONPath=`.spec.serverRef.name`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Cells",type=integer,JSONPath=`.status.cells`,priority=1
// +kubebuilder:printcolumn:name="NextEnd",type=string,JSONPath=`.status.nextEnd`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ToolAccess struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is what is declared.
	// +required
	Spec ToolAccessSpec `json:"spec,omitzero"`
	// status is what was observed.
	// +optional
	// +kubebuilder:default={}
	Status ToolAccessStatus `json:"status,omitzero"`
}

// ToolAccessList is a list of ToolAccesses.
// +kubebuilder:object:root=true
type ToolAccessList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ToolAccess `json:"items"`
}
