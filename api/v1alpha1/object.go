// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GetConditions returns the conditions in status.
func (o *Workspace) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in status.
func (o *Workspace) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }

// GetObservedGeneration returns the generation that was dealt with last.
func (o *Workspace) GetObservedGeneration() int64 { return o.Status.ObservedGeneration }

// SetObservedGeneration records the generation that was dealt with.
func (o *Workspace) SetObservedGeneration(g int64) { o.Status.ObservedGeneration = g }

// GetManagementPolicy returns how far the operator may go.
func (o *Workspace) GetManagementPolicy() string { return string(ManagementEnforce) }

// GetDeletionPolicy returns what happens in Databricks on deletion.
func (o *Workspace) GetDeletionPolicy() string { return string(DeletionDelete) }

// GetConditions returns the conditions in status.
func (o *Boundary) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in status.
func (o *Boundary) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }

// GetObservedGeneration returns the generation that was dealt with last.
func (o *Boundary) GetObservedGeneration() int64 { return o.Status.ObservedGeneration }

// SetObservedGeneration records the generation that was dealt with.
func (o *Boundary) SetObservedGeneration(g int64) { o.Status.ObservedGeneration = g }

// GetManagementPolicy returns how far the operator may go.
func (o *Boundary) GetManagementPolicy() string { return string(ManagementEnforce) }

// GetDeletionPolicy returns what happens in Databricks on deletion.
func (o *Boundary) GetDeletionPolicy() string { return string(DeletionDelete) }

// GetConditions returns the conditions in status.
func (o *Role) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in status.
func (o *Role) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }

// GetObservedGeneration returns the generation that was dealt with last.
func (o *Role) GetObservedGeneration() int64 { return o.Status.ObservedGeneration }

// SetObservedGeneration records the generation that was dealt with.
func (o *Role) SetObservedGeneration(g int64) { o.Status.ObservedGeneration = g }

// GetManagementPolicy returns how far the operator may go.
func (o *Role) GetManagementPolicy() string { return string(o.Spec.ManagementPolicy) }

// GetDeletionPolicy returns what happens in Databricks on deletion.
func (o *Role) GetDeletionPolicy() string { return string(o.Spec.DeletionPolicy) }

// GetExternalStatus returns what the status says of plans and drift.
func (o *Role) GetExternalStatus() *ExternalStatus { return &o.Status.ExternalStatus }

// GetConditions returns the conditions in status.
func (o *FederationPolicy) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in status.
func (o *FederationPolicy) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }

// GetObservedGeneration returns the generation that was dealt with last.
func (o *FederationPolicy) GetObservedGeneration() int64 { return o.Status.ObservedGeneration }

// SetObservedGeneration records the generation that was dealt with.
func (o *FederationPolicy) SetObservedGeneration(g int64) { o.Status.ObservedGeneration = g }

// GetManagementPolicy returns how far the operator may go.
func (o *FederationPolicy) GetManagementPolicy() string { return string(o.Spec.ManagementPolicy) }

// GetDeletionPolicy returns what happens in Databricks on deletion.
func (o *FederationPolicy) GetDeletionPolicy() string { return string(o.Spec.DeletionPolicy) }

// GetExternalStatus returns what the status says of plans and drift.
func (o *FederationPolicy) GetExternalStatus() *ExternalStatus { return &o.Status.ExternalStatus }

// GetConditions returns the conditions in status.
func (o *Tool) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in status.
func (o *Tool) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }

// GetObservedGeneration returns the generation that was dealt with last.
func (o *Tool) GetObservedGeneration() int64 { return o.Status.ObservedGeneration }

// SetObservedGeneration records the generation that was dealt with.
func (o *Tool) SetObservedGeneration(g int64) { o.Status.ObservedGeneration = g }

// GetManagementPolicy returns how far the operator may go.
func (o *Tool) GetManagementPolicy() string { return string(ManagementEnforce) }

// GetDeletionPolicy returns what happens in Databricks on deletion.
func (o *Tool) GetDeletionPolicy() string { return string(DeletionDelete) }

// GetConditions returns the conditions in status.
func (o *ToolAccess) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in status.
func (o *ToolAccess) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }

// GetObservedGeneration returns the generation that was dealt with last.
func (o *ToolAccess) GetObservedGeneration() int64 { return o.Status.ObservedGeneration }

// SetObservedGeneration records the generation that was dealt with.
func (o *ToolAccess) SetObservedGeneration(g int64) { o.Status.ObservedGeneration = g }

// GetManagementPolicy returns how far the operator may go.
func (o *ToolAccess) GetManagementPolicy() string { return string(ManagementEnforce) }

// GetDeletionPolicy returns what happens in Databricks on deletion.
func (o *ToolAccess) GetDeletionPolicy() string { return string(DeletionDelete) }

// GetConditions returns the conditions in status.
func (o *MCPServer) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in status.
func (o *MCPServer) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }

// GetObservedGeneration returns the generation that was dealt with last.
func (o *MCPServer) GetObservedGeneration() int64 { return o.Status.ObservedGeneration }

// SetObservedGeneration records the generation that was dealt with.
func (o *MCPServer) SetObservedGeneration(g int64) { o.Status.ObservedGeneration = g }

// GetManagementPolicy returns how far the operator may go.
func (o *MCPServer) GetManagementPolicy() string { return string(ManagementEnforce) }

// GetDeletionPolicy returns what happens in Databricks on deletion.
func (o *MCPServer) GetDeletionPolicy() string { return string(DeletionDelete) }

// GetConditions returns the conditions in status.
func (o *DataPolicy) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in status.
func (o *DataPolicy) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }

// GetObservedGeneration returns the generation that was dealt with last.
func (o *DataPolicy) GetObservedGeneration() int64 { return o.Status.ObservedGeneration }

// SetObservedGeneration records the generation that was dealt with.
func (o *DataPolicy) SetObservedGeneration(g int64) { o.Status.ObservedGeneration = g }

// GetManagementPolicy returns how far the operator may go.
func (o *DataPolicy) GetManagementPolicy() string { return string(o.Spec.ManagementPolicy) }

// GetDeletionPolicy returns what happens in Databricks on deletion.
func (o *DataPolicy) GetDeletionPolicy() string { return string(o.Spec.DeletionPolicy) }

// GetExternalStatus returns what the status says of plans and drift.
func (o *DataPolicy) GetExternalStatus() *ExternalStatus { return &o.Status.ExternalStatus }

// GetConditions returns the conditions in status.
func (o *Connection) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in status.
func (o *Connection) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }

// GetObservedGeneration returns the generation that was dealt with last.
func (o *Connection) GetObservedGeneration() int64 { return o.Status.ObservedGeneration }

// SetObservedGeneration records the generation that was dealt with.
func (o *Connection) SetObservedGeneration(g int64) { o.Status.ObservedGeneration = g }

// GetManagementPolicy returns how far the operator may go.
func (o *Connection) GetManagementPolicy() string { return string(o.Spec.ManagementPolicy) }

// GetDeletionPolicy returns what happens in Databricks on deletion.
func (o *Connection) GetDeletionPolicy() string { return string(o.Spec.DeletionPolicy) }

// GetExternalStatus returns what the status says of plans and drift.
func (o *Connection) GetExternalStatus() *ExternalStatus { return &o.Status.ExternalStatus }

// GetConditions returns the conditions in status.
func (o *ModelEndpoint) GetConditions() []metav1.Condition { return o.Status.Conditions }

// SetConditions replaces the conditions in status.
func (o *ModelEndpoint) SetConditions(c []metav1.Condition) { o.Status.Conditions = c }

// GetObservedGeneration returns the generation that was dealt with last.
func (o *ModelEndpoint) GetObservedGeneration() int64 { return o.Status.ObservedGeneration }

// SetObservedGeneration records the generation that was dealt with.
func (o *ModelEndpoint) SetObservedGeneration(g int64) { o.Status.ObservedGeneration = g }

// GetManagementPolicy returns how far the operator may go.
func (o *ModelEndpoint) GetManagementPolicy() string { return string(o.Spec.ManagementPolicy) }

// GetDeletionPolicy returns what happens in Databricks on deletion.
func (o *ModelEndpoint) GetDeletionPolicy() string { return string(o.Spec.DeletionPolicy) }

// GetExternalStatus returns what the status says of plans and drift.
func (o *ModelEndpoint) GetExternalStatus() *ExternalStatus { return &o.Status.ExternalStatus }
