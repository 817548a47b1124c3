// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// This file lists every reason that a condition or an event can carry. Reasons are part
// of the API: scripts and alerts match them. A test of internal/conditions holds that
// the code uses no other.

// Reasons of conditions that are True, or not known yet.
const (
	// ReasonPending means that the first reconciliation has not finished yet.
	ReasonPending = "Pending"
	// ReasonReady means that everything declared is in place.
	ReasonReady = "Ready"
	// ReasonSynced means that Databricks matches the spec.
	ReasonSynced = "Synced"
	// ReasonResolved means that all references were found.
	ReasonResolved = "Resolved"
	// ReasonAllowed means that the Boundary allows everything that the spec asks for.
	ReasonAllowed = "Allowed"
	// ReasonInForce means that every rule of a ToolAccess is in force.
	ReasonInForce = "InForce"
	// ReasonGroupsVisible means that every group named is visible, or exists where no Role can check it.
	ReasonGroupsVisible = "GroupsVisible"
	// ReasonEnforced means that Databricks denies every call that the matrix denies, except where another tool of the same role needs the same grant.
	ReasonEnforced = "Enforced"
)

// Reasons about the Boundary of a namespace.
const (
	// ReasonNoBoundary means that no Boundary names the namespace, so nothing is allowed.
	ReasonNoBoundary = "NoBoundary"
	// ReasonSeveralBoundaries means that more than one Boundary names the namespace, so nothing is allowed.
	ReasonSeveralBoundaries = "SeveralBoundaries"
	// ReasonNamespaceRecreated means that the namespace has another UID than the one that the Boundary registered.
	ReasonNamespaceRecreated = "NamespaceRecreated"
	// ReasonOutsideBoundary means that the spec asks for more than the Boundary allows.
	ReasonOutsideBoundary = "OutsideBoundary"
)

// Reasons about what a spec refers to.
const (
	// ReasonWorkspaceNotFound means that the Workspace does not exist.
	ReasonWorkspaceNotFound = "WorkspaceNotFound"
	// ReasonWorkspaceNotReady means that the Workspace exists and its credential does not work yet.
	ReasonWorkspaceNotReady = "WorkspaceNotReady"
	// ReasonCredentialNotFound means that the Secret or its key does not exist.
	ReasonCredentialNotFound = "CredentialNotFound"
	// ReasonCredentialNotReadable means that the operator may not read the Secret.
	ReasonCredentialNotReadable = "CredentialNotReadable"
	// ReasonCredentialRefused means that Databricks rejects the operator's credential, or the credential has too few rights.
	ReasonCredentialRefused = "CredentialRefused"
	// ReasonRoleNotFound means that the Role does not exist.
	ReasonRoleNotFound = "RoleNotFound"
	// ReasonRoleNotReady means that the Role has no service principal yet.
	ReasonRoleNotReady = "RoleNotReady"
	// ReasonToolNotFound means that the Tool does not exist.
	ReasonToolNotFound = "ToolNotFound"
	// ReasonServerNotFound means that the MCPServer does not exist.
	ReasonServerNotFound = "ServerNotFound"
	// ReasonPolicyNotFound means that the FederationPolicy does not exist.
	ReasonPolicyNotFound = "PolicyNotFound"
	// ReasonGroupNotFound means that a group does not exist, and the Boundary does not allow the Role to create it.
	ReasonGroupNotFound = "GroupNotFound"
	// ReasonGroupNotAssigned means that a group exists and is not assigned to the workspace, so nobody is seen as its member there.
	ReasonGroupNotAssigned = "GroupNotAssigned"
	// ReasonGroupNotSeen means that a Role that is a member of a group is not seen as one in the workspace.
	ReasonGroupNotSeen = "GroupNotSeen"
	// ReasonGroupsSettling means that the check of the groups has not run yet, or a membership is too new for its result to be final.
	ReasonGroupsSettling = "GroupsSettling"
	// ReasonGroupsUnknown means that a check or the look-up of a group failed.
	ReasonGroupsUnknown = "GroupsUnknown"
	// ReasonSecurableNotFound means that a table, schema or catalog does not exist.
	ReasonSecurableNotFound = "SecurableNotFound"
	// ReasonFunctionNotFound means that a function that a Tool calls does not exist.
	ReasonFunctionNotFound = "FunctionNotFound"
	// ReasonConnectionUnknown means that a connection that a Tool uses has not been looked up yet.
	ReasonConnectionUnknown = "ConnectionUnknown"
	// ReasonPlainConnection means that a connection that a Tool uses does not use HTTPS.
	ReasonPlainConnection = "PlainConnection"
	// ReasonPrincipalNotVisible means that Databricks does not show a new service principal yet.
	ReasonPrincipalNotVisible = "PrincipalNotVisible"
	// ReasonPrincipalNotFound means that the service principal that a Role names does not exist.
	ReasonPrincipalNotFound = "PrincipalNotFound"
	// ReasonPrincipalNotUsable means that the service principal that a Role names may not be used by any Role.
	ReasonPrincipalNotUsable = "PrincipalNotUsable"
	// ReasonIssuerUnknown means that the issuer or the keys of the cluster's tokens could not be read.
	ReasonIssuerUnknown = "IssuerUnknown"
	// ReasonMCPServicesUnavailable means that the workspace does not offer MCP services.
	ReasonMCPServicesUnavailable = "MCPServicesUnavailable"
	// ReasonMCPServiceNotReady means that the MCP service of a Connection is not in place yet.
	ReasonMCPServiceNotReady = "MCPServiceNotReady"
)

// Reasons that a person must end by changing a spec or a right.
const (
	// ReasonInvalid means that the spec cannot be satisfied as written.
	ReasonInvalid = "Invalid"
	// ReasonInvalidSchema means that the input schema of a Tool cannot be used.
	ReasonInvalidSchema = "InvalidSchema"
	// ReasonInvalidExpression means that the `when` expression of a rule is invalid, so the rule is ignored.
	ReasonInvalidExpression = "InvalidExpression"
	// ReasonRulesEnded means that the end time of a rule has passed, so the rule is ignored.
	ReasonRulesEnded = "RulesEnded"
	// ReasonNotOurs means that an object with this name exists and does not carry this installation's mark.
	ReasonNotOurs = "NotOurs"
	// ReasonConflict means that two resources claim the same object.
	ReasonConflict = "Conflict"
	// ReasonAlreadyExists means that Databricks has an object with this name or id already.
	ReasonAlreadyExists = "AlreadyExists"
	// ReasonPermissionDenied means that Databricks denies the operator a call: it lacks a right.
	ReasonPermissionDenied = "PermissionDenied"
	// ReasonLimitReached means that a limit of the Databricks account or workspace is reached.
	ReasonLimitReached = "LimitReached"
	// ReasonRejected means that Databricks rejects a call as wrong.
	ReasonRejected = "Rejected"
	// ReasonNotFound means that an object that a call names does not exist in Databricks.
	ReasonNotFound = "NotFound"
)

// Reasons that end by themselves.
const (
	// ReasonTransient means that a call failed in a way that may pass.
	ReasonTransient = "TransientError"
	// ReasonRateLimited means that Databricks limits the rate of calls.
	ReasonRateLimited = "RateLimited"
	// ReasonUnavailable means that Databricks could not be reached, or answered with a server error.
	ReasonUnavailable = "DatabricksUnavailable"
	// ReasonUnexpectedAnswer means that the response of Databricks could not be understood.
	ReasonUnexpectedAnswer = "UnexpectedAnswer"
	// ReasonChangedMeanwhile means that somebody else changed the object during the reconciliation.
	ReasonChangedMeanwhile = "ChangedMeanwhile"
	// ReasonEndpointBusy means that the serving endpoint is being updated.
	ReasonEndpointBusy = "EndpointBusy"
	// ReasonNotConverged means that Databricks still differs from the spec after everything was written.
	ReasonNotConverged = "NotConverged"
	// ReasonNotLeader means that this operator lost its lease and no longer writes.
	ReasonNotLeader = "NotLeader"
)

// Reasons of an MCPServer.
const (
	// ReasonShareBelowOne means that the share that a pod has of a rate limit is less than one call a minute.
	ReasonShareBelowOne = "ShareBelowOne"
	// ReasonOpen means that a grant from elsewhere lets a role do what the matrix denies.
	ReasonOpen = "Open"
	// ReasonGrantMissing means that a role lacks a grant for what the matrix allows.
	ReasonGrantMissing = "GrantMissing"
	// ReasonNotRead means that Databricks did not answer enough to decide.
	ReasonNotRead = "NotRead"
	// ReasonPodsNotReady means that some pods of the server are not ready.
	ReasonPodsNotReady = "PodsNotReady"
	// ReasonPodsNotCurrent means that some pods do not run the current access document.
	ReasonPodsNotCurrent = "PodsNotCurrent"
	// ReasonHandshakeFailed means that a pod did not complete the MCP handshake with the declared tools.
	ReasonHandshakeFailed = "HandshakeFailed"
)

// Reasons of the management policy.
const (
	// ReasonPaused means that the management policy of the resource or of its Workspace is Paused.
	ReasonPaused = "Paused"
	// ReasonObserveOnly means that the management policy of the resource or of its Workspace is ObserveOnly, and there is something to write.
	ReasonObserveOnly = "ObserveOnly"
)

// Reasons of events that are not the reason of a condition. A write emits an event of
// its own: Created, Updated, Deleted, Granted or Revoked.
const (
	// EventReasonPlanned announces the writes that ObserveOnly holds back.
	EventReasonPlanned = "Planned"
	// EventReasonDrifted warns of a change in Databricks that no resource declares.
	EventReasonDrifted = "Drifted"
	// EventReasonLeftBehind warns of objects that stay in Databricks when their resource is deleted.
	EventReasonLeftBehind = "LeftBehind"
)
