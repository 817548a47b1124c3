// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Ready is the summary. Reconciling and Stalled follow kstatus and
// are present only while they are True.
const (
	// ConditionReady is True when the resource works as declared.
	ConditionReady = "Ready"
	// ConditionReferencesResolved is True when everything that the spec names exists and may be used.
	ConditionReferencesResolved = "ReferencesResolved"
	// ConditionSynced is True when Databricks matches the spec.
	ConditionSynced = "Synced"
	// ConditionWithinBoundary is True when the Boundary of the namespace allows what the spec asks for.
	ConditionWithinBoundary = "WithinBoundary"
	// ConditionRateLimitsShared is True when every pod of a server has a share of each rate limit of at least one call a minute.
	ConditionRateLimitsShared = "RateLimitsShared"
	// ConditionGroupsVisible is True when each group that a DataPolicy names is visible to the functions of its filter and masks.
	ConditionGroupsVisible = "GroupsVisible"
	// ConditionMCPServiceReady is True when the MCP service that a Connection declares is in place.
	ConditionMCPServiceReady = "MCPServiceReady"
	// ConditionRulesInForce is True when every rule of a ToolAccess is in force.
	ConditionRulesInForce = "RulesInForce"
	// ConditionMatrixEnforced is True when Databricks itself enforces the access matrix.
	ConditionMatrixEnforced = "MatrixEnforced"
	// ConditionReconciling is present while the operator is still working towards the spec.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present while the operator cannot make progress until somebody changes something.
	ConditionStalled = "Stalled"
)
