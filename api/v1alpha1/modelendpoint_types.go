// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ModelEndpointSpec is what is declared of the AI Gateway of one serving endpoint.
// What is left out is not managed, and stays on the endpoint as it is.
// +kubebuilder:validation:XValidation:rule="has(self.rateLimits) || has(self.usageTracking) || has(self.guardrails) || has(self.payloadLogging)",message="at least one of `rateLimits`, `usageTracking`, `guardrails` and `payloadLogging` must be set"
// +kubebuilder:validation:XValidation:rule="self.workspaceRef.name == oldSelf.workspaceRef.name && self.endpointName == oldSelf.endpointName",message="`workspaceRef` and `endpointName` may not change: create another ModelEndpoint"
type ModelEndpointSpec struct {
	// workspaceRef names the Workspace that the endpoint is in. Immutable.
	// +required
	WorkspaceRef LocalReference `json:"workspaceRef,omitzero"`
	// endpointName is the name of the serving endpoint, which exists and is made by others. Immutable.
	// +required
	EndpointName EndpointName `json:"endpointName,omitempty"`
	// rateLimits bound how much is asked of the endpoint. Limits of those that are not named stay as they are.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=20
	RateLimits []EndpointRateLimit `json:"rateLimits,omitempty"`
	// usageTracking says whether each request becomes a row of the usage tables. Absent, it is not managed.
	// +optional
	UsageTracking UsageTracking `json:"usageTracking,omitempty"`
	// guardrails look at what goes in and what comes out. Absent, they are not managed.
	// +optional
	Guardrails *EndpointGuardrails `json:"guardrails,omitempty"`
	// payloadLogging writes requests and answers into a table. Absent, it is not managed.
	// +optional
	PayloadLogging *PayloadLogging `json:"payloadLogging,omitempty"`
	// adoption says whether configuration that somebody else has set is replaced. Default Never.
	// +optional
	// +kubebuilder:default=Never
	Adoption AdoptionPolicy `json:"adoption,omitempty"`
	// managementPolicy says how far the operator may go. Default Enforce.
	// +optional
	// +kubebuilder:default=Enforce
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`
	// deletionPolicy says what happens on the endpoint when this resource is deleted.
	// Default Orphan: everything stays, because removing it takes limits and guardrails off.
	// +optional
	// +kubebuilder:default=Orphan
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// EndpointRateLimit bounds how much one principal, each user or all together ask in a minute.
// +kubebuilder:validation:ExactlyOneOf=role;group;everyUser;endpoint
// +kubebuilder:validation:XValidation:rule="has(self.callsPerMinute) || has(self.tokensPerMinute)",message="at least one of `callsPerMinute` and `tokensPerMinute` must be set"
type EndpointRateLimit struct {
	// role is a Role in this namespace: its service principal is limited.
	// +optional
	Role *LocalReference `json:"role,omitempty"`
	// group is an account group, whose members share the limit.
	// +optional
	Group AccountGroupName `json:"group,omitempty"`
	// everyUser limits each user and service principal that has no limit of its own.
	// +optional
	EveryUser *EveryUser `json:"everyUser,omitempty"`
	// endpoint limits all requests together.
	// +optional
	Endpoint *WholeEndpoint `json:"endpoint,omitempty"`
	// callsPerMinute is how many calls are let through in a minute.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	CallsPerMinute int64 `json:"callsPerMinute,omitempty"`
	// tokensPerMinute is how many tokens are let through in a minute.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000000
	TokensPerMinute int64 `json:"tokensPerMinute,omitempty"`
}

// EveryUser is each user and service principal for itself.
type EveryUser struct{}

// WholeEndpoint is all requests together.
type WholeEndpoint struct{}

// UsageTracking says whether requests become rows of the usage tables.
// +kubebuilder:validation:Enum=Enabled;Disabled
type UsageTracking string

const (
	// UsageTrackingEnabled makes each request a row.
	UsageTrackingEnabled UsageTracking = "Enabled"
	// UsageTrackingDisabled makes none.
	UsageTrackingDisabled UsageTracking = "Disabled"
)

// EndpointGuardrails look at what goes in and what comes out.
// +kubebuilder:validation:XValidation:rule="has(self.input) || has(self.output)",message="at least one of `input` and `output` must be set"
type EndpointGuardrails struct {
	// input is looked for in requests.
	// +optional
	Input *Guardrail `json:"input,omitempty"`
	// output is looked for in answers.
	// +optional
	Output *Guardrail `json:"output,omitempty"`
}

// Guardrail is what is looked for on one side. A field that is left out is not managed.
// +kubebuilder:validation:XValidation:rule="has(self.pii) || has(self.safety) || has(self.invalidKeywords) || has(self.validTopics)",message="at least one of `pii`, `safety`, `invalidKeywords` and `validTopics` must be set"
type Guardrail struct {
	// pii says what happens to personal data.
	// +optional
	PII PIIBehavior `json:"pii,omitempty"`
	// safety says whether unsafe content is refused.
	// +optional
	Safety SafetyFilter `json:"safety,omitempty"`
	// invalidKeywords are words that are refused.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	InvalidKeywords []GuardrailText `json:"invalidKeywords,omitempty"`
	// validTopics are the only topics that are not refused.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	ValidTopics []GuardrailText `json:"validTopics,omitempty"`
}

// PIIBehavior says what happens to personal data.
// +kubebuilder:validation:Enum=Block;Mask;None
type PIIBehavior string

const (
	// PIIBlock refuses what holds personal data.
	PIIBlock PIIBehavior = "Block"
	// PIIMask puts a placeholder in its place.
	PIIMask PIIBehavior = "Mask"
	// PIINone lets it through.
	PIINone PIIBehavior = "None"
)

// SafetyFilter says whether unsafe content is refused.
// +kubebuilder:validation:Enum=Enabled;Disabled
type SafetyFilter string

const (
	// SafetyEnabled refuses unsafe content.
	SafetyEnabled SafetyFilter = "Enabled"
	// SafetyDisabled lets it through.
	SafetyDisabled SafetyFilter = "Disabled"
)

// GuardrailText is a word or a topic.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$')`,message="must be without control characters, and without spaces at its ends"
type GuardrailText string

// CatalogPart is one name of a Unity Catalog object, or the beginning of one, lower case.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=80
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9_][a-z0-9_-]*$')`,message="must be lower-case letters, digits, underscores and dashes, and no dash first"
type CatalogPart string

// PayloadLogging names the table that requests and answers are written into:
// `<catalog>.<schema>.<tablePrefix>_payload`.
type PayloadLogging struct {
	// catalog is the catalog of the table.
	// +required
	Catalog CatalogPart `json:"catalog,omitempty"`
	// schema is the schema of the table.
	// +required
	Schema CatalogPart `json:"schema,omitempty"`
	// tablePrefix is what the name of the table begins with.
	// +required
	TablePrefix CatalogPart `json:"tablePrefix,omitempty"`
}

// AppliedRateLimit is a rate limit of this ModelEndpoint that the endpoint has.
type AppliedRateLimit struct {
	// key is what is limited, as the endpoint says it: service_principal, user_group, user or endpoint.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Key string `json:"key,omitempty"`
	// principal is the application id of a service principal, or the name of a group.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	Principal string `json:"principal,omitempty"`
	// role is the Role that the service principal is of.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Role string `json:"role,omitempty"`
	// callsPerMinute is how many calls are let through in a minute.
	// +optional
	CallsPerMinute int64 `json:"callsPerMinute,omitempty"`
	// tokensPerMinute is how many tokens are let through in a minute.
	// +optional
	TokensPerMinute int64 `json:"tokensPerMinute,omitempty"`
}

// AppliedSetting names something in the configuration of an endpoint.
type AppliedSetting struct {
	// name is where it stands, such as `rate_limits/service_principal/<application id>` or `guardrails/input/pii`.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Name string `json:"name,omitempty"`
	// role is the Role that it is about.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Role string `json:"role,omitempty"`
}

// ModelEndpointStatus is what the operator observed of a ModelEndpoint.
type ModelEndpointStatus struct {
	// conditions are Ready, ReferencesResolved, Synced, WithinBoundary, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:default={{type: "Ready", status: "Unknown", reason: "Pending", message: "Waiting for the first pass", lastTransitionTime: "1970-01-01T00:00:00Z"}}
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// observedGeneration is the generation that was dealt with last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// mark is the value of the tag `gatehouse` that the endpoint has, whoever put it there.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Mark string `json:"mark,omitempty"`
	// rateLimits are the limits of this ModelEndpoint that the endpoint has.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	RateLimits []AppliedRateLimit `json:"rateLimits,omitempty"`
	// applied is the ownership record: what this ModelEndpoint has set on the endpoint, or was about to.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	Applied        []AppliedSetting `json:"applied,omitempty"`
	ExternalStatus `json:",inline"`
}

// ModelEndpoint is the AI Gateway configuration of an existing serving endpoint.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=gatehouse,path=modelendpoints,singular=modelendpoint
// +kubebuilder:printcolumn:name="Endpoint",type=string,JSONPath=`.spec.endpointName`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ModelEndpoint struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is what is declared.
	// +required
	Spec ModelEndpointSpec `json:"spec,omitzero"`
	// status is what was observed.
	// +optional
	// +kubebuilder:default={}
	Status ModelEndpointStatus `json:"status,omitzero"`
}

// ModelEndpointList is a list of ModelEndpoints.
// +kubebuilder:object:root=true
type ModelEndpointList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ModelEndpoint `json:"items"`
}
