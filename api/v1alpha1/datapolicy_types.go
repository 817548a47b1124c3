// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DataPolicySpec says who sees which rows of one table, and which values of its columns.
// +kubebuilder:validation:XValidation:rule="has(self.rowFilter) || has(self.columnMasks)",message="at least one of `rowFilter` and `columnMasks` must be set"
// +kubebuilder:validation:XValidation:rule="self.workspaceRef.name == oldSelf.workspaceRef.name && self.table == oldSelf.table",message="`workspaceRef` and `table` may not change: create another DataPolicy"
type DataPolicySpec struct {
	// workspaceRef names the Workspace that the table is governed through. Immutable.
	// +required
	WorkspaceRef LocalReference `json:"workspaceRef,omitzero"`
	// warehouseID is the SQL warehouse that the operator's statements run on.
	// +required
	WarehouseID WarehouseID `json:"warehouseID,omitempty"`
	// table is the full name of the table, lower case. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="size(self.split('.')) == 3",message="must have three parts: `catalog.schema.table`"
	Table SecurableName `json:"table,omitempty"`
	// functionSchema is where functions are made. Absent, it is the schema of the table.
	// +optional
	// +kubebuilder:validation:XValidation:rule="size(self.split('.')) == 2",message="must have two parts: `catalog.schema`"
	FunctionSchema SecurableName `json:"functionSchema,omitempty"`
	// groups says which groups the rules mean. Default Account.
	// +optional
	// +kubebuilder:default=Account
	Groups GroupKind `json:"groups,omitempty"`
	// rowFilter says who sees which rows. Absent, the table has no row filter of this DataPolicy.
	// +optional
	RowFilter *RowFilter `json:"rowFilter,omitempty"`
	// columnMasks say who sees the values of columns.
	// +optional
	// +listType=map
	// +listMapKey=column
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	ColumnMasks []ColumnMask `json:"columnMasks,omitempty"`
	// adoption says whether a row filter or mask that somebody else has set is replaced. Default Never.
	// +optional
	// +kubebuilder:default=Never
	Adoption AdoptionPolicy `json:"adoption,omitempty"`
	// managementPolicy says how far the operator may go. The stricter of this and the
	// Workspace's counts. Default Enforce.
	// +optional
	// +kubebuilder:default=Enforce
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`
	// deletionPolicy says what happens to the row filter and the masks when this resource
	// is deleted. Default Orphan: they stay, because removing them opens the table.
	// +optional
	// +kubebuilder:default=Orphan
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// GroupKind says which groups the rules of a DataPolicy mean.
// +kubebuilder:validation:Enum=Account;Workspace
type GroupKind string

const (
	// GroupsAccount means account groups, asked for with is_account_group_member. The default.
	GroupsAccount GroupKind = "Account"
	// GroupsWorkspace means groups of the workspace, asked for with is_member.
	GroupsWorkspace GroupKind = "Workspace"
)

// AdoptionPolicy says whether what carries no mark of ours is taken over.
// +kubebuilder:validation:Enum=Never;Adopt
type AdoptionPolicy string

const (
	// AdoptionNever leaves it alone and says so. The default.
	AdoptionNever AdoptionPolicy = "Never"
	// AdoptionAdopt takes it over.
	AdoptionAdopt AdoptionPolicy = "Adopt"
)

// TableColumn is the name of a column, lower case.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z_][a-z0-9_]*$')`,message="must be lower-case letters, digits and underscores, and no digit first"
type TableColumn string

// PrincipalName is what current_user() says of a person or a service principal: an
// e-mail address, or an application id.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=254
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9_.@+-]+$')`,message="must be letters, digits and any of '_', '.', '@', '+' and '-'"
type PrincipalName string

// ColumnValue is a value of a column, as text.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^\x00-\x1f\x7f\x22\x27\x5c\x60]+$')`,message="must be without quotes, backslashes, backticks and control characters"
type ColumnValue string

// RowFilter says who sees which rows.
// +kubebuilder:validation:ExactlyOneOf=rules;function
type RowFilter struct {
	// rules each show some rows to some callers. A row is seen by whom any rule shows it to; what no rule shows, nobody sees.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Rules []RowRule `json:"rules,omitempty"`
	// function is an existing function that is the filter.
	// +optional
	Function *FilterFunction `json:"function,omitempty"`
}

// RowRule shows some rows to some callers.
// +kubebuilder:validation:XValidation:rule="has(self.groups) || has(self.users)",message="at least one of `groups` and `users` must be set"
type RowRule struct {
	// groups are groups whose members the rule is for.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Groups []AccountGroupName `json:"groups,omitempty"`
	// users are people, by e-mail address, and service principals, by application id, that the rule is for.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Users []PrincipalName `json:"users,omitempty"`
	// rows are what they see.
	// +required
	Rows VisibleRows `json:"rows,omitzero"`
}

// VisibleRows are some rows of a table.
// +kubebuilder:validation:ExactlyOneOf=all;where;ownedBy
type VisibleRows struct {
	// all is every row.
	// +optional
	All *AllRows `json:"all,omitempty"`
	// where is the rows in which a column has one of some values.
	// +optional
	Where *ColumnCondition `json:"where,omitempty"`
	// ownedBy is the rows in which a column names the caller.
	// +optional
	OwnedBy *OwnerColumn `json:"ownedBy,omitempty"`
}

// AllRows is every row.
type AllRows struct{}

// ColumnCondition compares a column with values.
type ColumnCondition struct {
	// column is the column: of text, a whole number or a decimal number.
	// +required
	Column TableColumn `json:"column,omitempty"`
	// values are what it may be, written as text whatever the type of the column.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Values []ColumnValue `json:"values,omitempty"`
}

// OwnerColumn is a column that names principals as current_user() does.
type OwnerColumn struct {
	// column is the column, of text.
	// +required
	Column TableColumn `json:"column,omitempty"`
}

// FilterFunction is an existing function that is a row filter. It is never changed or dropped.
type FilterFunction struct {
	// name is the full name of the function.
	// +required
	// +kubebuilder:validation:XValidation:rule="size(self.split('.')) == 3",message="must have three parts: `catalog.schema.function`"
	Name SecurableName `json:"name,omitempty"`
	// columns are the columns that it is given, in order. Absent, it is given none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Columns []TableColumn `json:"columns,omitempty"`
}

// ColumnMask says who sees the values of a column.
// +kubebuilder:validation:ExactlyOneOf=visibleTo;function
// +kubebuilder:validation:XValidation:rule="!has(self.otherwise) || has(self.visibleTo)",message="`otherwise` belongs to `visibleTo`: a `function` says itself what others see"
type ColumnMask struct {
	// column is the column.
	// +required
	Column TableColumn `json:"column,omitempty"`
	// visibleTo are those who see the values.
	// +optional
	VisibleTo *Audience `json:"visibleTo,omitempty"`
	// otherwise is what all others see. Absent, they see NULL.
	// +optional
	Otherwise *MaskedValue `json:"otherwise,omitempty"`
	// function is an existing function that is the mask.
	// +optional
	Function *MaskFunction `json:"function,omitempty"`
}

// Audience is some callers.
// +kubebuilder:validation:XValidation:rule="has(self.groups) || has(self.users)",message="at least one of `groups` and `users` must be set"
type Audience struct {
	// groups are groups whose members belong to it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Groups []AccountGroupName `json:"groups,omitempty"`
	// users are people, by e-mail address, and service principals, by application id, that belong to it.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Users []PrincipalName `json:"users,omitempty"`
}

// MaskedValue is what is seen in place of a value.
// +kubebuilder:validation:ExactlyOneOf=constant;keepLast
type MaskedValue struct {
	// constant is the same value for all rows, written as text whatever the type of the column.
	// +optional
	Constant ColumnValue `json:"constant,omitempty"`
	// keepLast is how many characters at the end of a text are seen; those before are stars.
	// A text that is not longer is all stars.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=32
	KeepLast int32 `json:"keepLast,omitempty"`
}

// MaskFunction is an existing function that is a column mask. It is never changed or dropped.
type MaskFunction struct {
	// name is the full name of the function.
	// +required
	// +kubebuilder:validation:XValidation:rule="size(self.split('.')) == 3",message="must have three parts: `catalog.schema.function`"
	Name SecurableName `json:"name,omitempty"`
	// usingColumns are the columns that it is given after the masked one, in order. Absent, it is given none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	UsingColumns []TableColumn `json:"usingColumns,omitempty"`
}

// AttachedFunction is a function that filters the rows of the table or masks one of its columns.
type AttachedFunction struct {
	// column is the column that is masked. Absent, the function is the row filter.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Column string `json:"column,omitempty"`
	// function is the full name of the function.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=767
	Function string `json:"function,omitempty"`
}

// ProbePolicy is a temporary federation policy, by which the operator runs a query as the service principal of a Role.
type ProbePolicy struct {
	// principalID is the numeric id of the service principal.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	PrincipalID string `json:"principalID,omitempty"`
	// policyID is the id of the federation policy. It admits the operator's own service account only.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	PolicyID string `json:"policyID,omitempty"`
}

// DataPolicyStatus is what the operator observed of a DataPolicy.
type DataPolicyStatus struct {
	// conditions are Ready, ReferencesResolved, Synced, WithinBoundary, GroupsVisible, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the first pass", lastTransitionTime: "1970-01-01T00:00:00Z"}}
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that was dealt with last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// attached are the row filter and the masks of this DataPolicy that the table has.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Attached []AttachedFunction `json:"attached,omitempty"`
	// applied is the ownership record: functions that are, or were about to be, attached by this
	// DataPolicy, so that an existing function, which carries no mark, is known as ours to detach.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	Applied []AttachedFunction `json:"applied,omitempty"`
	// functions are the full names of functions that this DataPolicy made, or was about to make.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MaxLength=1024
	Functions []string `json:"functions,omitempty"`
	// probes are the temporary federation policies by which the operator checks whether groups are
	// visible to the functions. Each is recorded before it is created, and dropped once it is deleted.
	// +optional
	// +listType=map
	// +listMapKey=principalID
	// +kubebuilder:validation:MaxItems=16
	Probes         []ProbePolicy `json:"probes,omitempty"`
	ExternalStatus `json:",inline"`
}

// DataPolicy is the row filter and the column masks of one table.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=gatehouse,path=datapolicies,singular=datapolicy
// +kubebuilder:printcolumn:name="Table",type=string,JSONPath=`.spec.table`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Groups",type=string,JSONPath=`.status.conditions[?(@.type=="GroupsVisible")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type DataPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is what is declared.
	// +required
	Spec DataPolicySpec `json:"spec,omitzero"`
	// status is what was observed.
	// +optional
	// +kubebuilder:default={}
	Status DataPolicyStatus `json:"status,omitzero"`
}

// DataPolicyList is a list of DataPolicies.
// +kubebuilder:object:root=true
type DataPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DataPolicy `json:"items"`
}
