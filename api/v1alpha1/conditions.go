// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Ready summarises; Reconciling and Stalled follow kstatus and
// exist only while True.
const (
	// ConditionReady says whether the resource does its job as declared.
	ConditionReady = "Ready"
	// ConditionReferencesResolved says whether everything the spec names was found and may be used.
	ConditionReferencesResolved = "ReferencesResolved"
	// ConditionSynced says whether Databricks agrees with the spec.
	ConditionSynced = "Synced"
	// ConditionWithinBoundary says whether the namespace's Boundary allows what the spec asks for.
	ConditionWithinBoundary = "WithinBoundary"
	// ConditionRateLimitsShared says whether every pod has a useful share of the rate limits.
	ConditionRateLimitsShared = "RateLimitsShared"
	// ConditionGroupsVisible says whether each group that a DataPolicy names can be seen where its functions run.
	ConditionGroupsVisible = "GroupsVisible"
	// ConditionMCPServiceReady says whether the MCP service that a Connection declares is in place.
	ConditionMCPServiceReady = "MCPServiceReady"
	// ConditionRulesInForce says whether every rule of a ToolAccess still counts.
	ConditionRulesInForce = "RulesInForce"
	// ConditionMatrixEnforced says whether Databricks itself agrees with the access matrix.
	ConditionMatrixEnforced = "MatrixEnforced"
	// ConditionReconciling is present while the controller is still working towards the spec.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present while only a person can help.
	ConditionStalled = "Stalled"
)

// Condition reasons. They are part of the API: scripts and alerts match them.
const (
	// ReasonPending: no pass has finished yet.
	ReasonPending = "Pending"
	// ReasonReady: everything declared is in place.
	ReasonReady = "Ready"
	// ReasonSynced: Databricks agrees with the spec.
	ReasonSynced = "Synced"
	// ReasonResolved: all references were found.
	ReasonResolved = "Resolved"
	// ReasonAllowed: the Boundary allows everything asked for.
	ReasonAllowed = "Allowed"
	// ReasonNoBoundary: no Boundary names the namespace, so nothing is allowed.
	ReasonNoBoundary = "NoBoundary"
	// ReasonSeveralBoundaries: more than one Boundary names the namespace, so nothing is allowed.
	ReasonSeveralBoundaries = "SeveralBoundaries"
	// ReasonNamespaceRecreated: the namespace has another UID than the one the Boundary saw first.
	ReasonNamespaceRecreated = "NamespaceRecreated"
	// ReasonOutsideBoundary: the spec asks for more than the Boundary allows.
	ReasonOutsideBoundary = "OutsideBoundary"
	// ReasonWorkspaceNotFound: the Workspace named does not exist.
	ReasonWorkspaceNotFound = "WorkspaceNotFound"
	// ReasonWorkspaceNotReady: the Workspace exists but its credential does not work yet.
	ReasonWorkspaceNotReady = "WorkspaceNotReady"
	// ReasonCredentialNotFound: the Secret or its key does not exist.
	ReasonCredentialNotFound = "CredentialNotFound"
	// ReasonCredentialNotReadable: the operator may not read the Secret.
	ReasonCredentialNotReadable = "CredentialNotReadable"
	// ReasonCredentialRefused: Databricks refuses the operator's credential, or it may do too little.
	ReasonCredentialRefused = "CredentialRefused"
	// ReasonRoleNotFound: a Role named does not exist.
	ReasonRoleNotFound = "RoleNotFound"
	// ReasonRoleNotReady: a Role has no service principal yet.
	ReasonRoleNotReady = "RoleNotReady"
	// ReasonToolNotFound: a Tool named does not exist.
	ReasonToolNotFound = "ToolNotFound"
	// ReasonServerNotFound: the MCPServer named does not exist.
	ReasonServerNotFound = "ServerNotFound"
	// ReasonPolicyNotFound: a FederationPolicy named does not exist.
	ReasonPolicyNotFound = "PolicyNotFound"
	// ReasonGroupNotFound: a group does not exist and the Boundary does not allow creating it.
	ReasonGroupNotFound = "GroupNotFound"
	// ReasonGroupNotAssigned: a group exists and is not assigned to the workspace, so that nobody there is seen as a member.
	ReasonGroupNotAssigned = "GroupNotAssigned"
	// ReasonGroupNotSeen: a Role that is a member of a group was asked, and is not seen as one.
	ReasonGroupNotSeen = "GroupNotSeen"
	// ReasonGroupsSettling: the check has not run yet, or the membership is so new that it may not be visible yet.
	ReasonGroupsSettling = "GroupsSettling"
	// ReasonGroupsVisible: every group named is seen, or exists and is assigned where no Role can be checked.
	ReasonGroupsVisible = "GroupsVisible"
	// ReasonGroupsUnknown: a check or the lookup of a group failed.
	ReasonGroupsUnknown = "GroupsUnknown"
	// ReasonSecurableNotFound: a table, schema or catalog named does not exist.
	ReasonSecurableNotFound = "SecurableNotFound"
	// ReasonFunctionNotFound: a function that a Tool calls does not exist.
	ReasonFunctionNotFound = "FunctionNotFound"
	// ReasonConnectionUnknown: Databricks could not be asked yet about a connection that a Tool uses.
	ReasonConnectionUnknown = "ConnectionUnknown"
	// ReasonPlainConnection: a connection that a Tool uses does not use HTTPS.
	ReasonPlainConnection = "PlainConnection"
	// ReasonShareBelowOne: a pod's share of a rate limit is less than one call in a minute.
	ReasonShareBelowOne = "ShareBelowOne"
	// ReasonPrincipalNotVisible: Databricks does not see a new principal yet.
	ReasonPrincipalNotVisible = "PrincipalNotVisible"
	// ReasonPrincipalNotFound: the service principal that a Role names does not exist.
	ReasonPrincipalNotFound = "PrincipalNotFound"
	// ReasonPrincipalNotUsable: the service principal that a Role names is one that no Role may be.
	ReasonPrincipalNotUsable = "PrincipalNotUsable"
	// ReasonIssuerUnknown: the cluster does not say who issues its tokens, or with which keys.
	ReasonIssuerUnknown = "IssuerUnknown"
	// ReasonMCPServicesUnavailable: the workspace has no API for MCP services.
	ReasonMCPServicesUnavailable = "MCPServicesUnavailable"
	// ReasonMCPServiceNotReady: the MCP service of a Connection is not in place yet.
	ReasonMCPServiceNotReady = "MCPServiceNotReady"
	// ReasonNotOurs: something with this name exists and carries no mark of ours.
	ReasonNotOurs = "NotOurs"
	// ReasonEndpointBusy: the serving endpoint is being updated.
	ReasonEndpointBusy = "EndpointBusy"
	// ReasonConflict: two declarations claim the same thing.
	ReasonConflict = "Conflict"
	// ReasonInvalid: the spec cannot be satisfied as written.
	ReasonInvalid = "Invalid"
	// ReasonInvalidSchema: the input schema of a Tool cannot be used.
	ReasonInvalidSchema = "InvalidSchema"
	// ReasonInForce: every rule counts.
	ReasonInForce = "InForce"
	// ReasonRulesEnded: the time of a rule is over, so that it gives nothing.
	ReasonRulesEnded = "RulesEnded"
	// ReasonInvalidExpression: the condition of a rule cannot be used, so that the rule gives nothing.
	ReasonInvalidExpression = "InvalidExpression"
	// ReasonEnforced: what the matrix says no to, Databricks refuses, but for what other cells of the role need.
	ReasonEnforced = "Enforced"
	// ReasonOpen: a grant from elsewhere lets a role do what the matrix says no to.
	ReasonOpen = "Open"
	// ReasonGrantMissing: a role lacks a grant for what the matrix says yes to.
	ReasonGrantMissing = "GrantMissing"
	// ReasonNotRead: Databricks did not say enough to judge.
	ReasonNotRead = "NotRead"
	// ReasonPodsNotReady: the pods of a server are not all ready.
	ReasonPodsNotReady = "PodsNotReady"
	// ReasonPodsNotCurrent: not every pod runs the current access document.
	ReasonPodsNotCurrent = "PodsNotCurrent"
	// ReasonHandshakeFailed: a pod did not answer the MCP handshake with the declared tools.
	ReasonHandshakeFailed = "HandshakeFailed"
	// ReasonPaused: the management policy, or that of the Workspace, is Paused.
	ReasonPaused = "Paused"
	// ReasonObserveOnly: the management policy, or that of the Workspace, is ObserveOnly and there is something to do.
	ReasonObserveOnly = "ObserveOnly"
)
