// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FederationPolicySpec says whose tokens count, and as which role.
// +kubebuilder:validation:XValidation:rule="has(self.roles) || has(self.namespaceSelector)",message="at least one of `roles` and `namespaceSelector` must be set"
// +kubebuilder:validation:XValidation:rule="self.workspaceRef.name == oldSelf.workspaceRef.name",message="`workspaceRef` may not change: create another FederationPolicy"
type FederationPolicySpec struct {
	// workspaceRef names the Workspace that the roles live in. Immutable.
	// +required
	WorkspaceRef LocalReference `json:"workspaceRef,omitzero"`
	// issuer is the issuer of the identity provider's tokens, compared byte for byte with `iss`: a trailing slash matters.
	// +required
	Issuer HTTPSURL `json:"issuer,omitempty"`
	// audiences are the values of `aud` of which a token must have at least one. Use the
	// resource URI of the MCP server, never the workspace URL or the account id.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	Audiences []string `json:"audiences,omitempty"`
	// keys say where the issuer's signing keys come from. Absent, they are found by OpenID Connect discovery.
	// +optional
	Keys *IssuerKeys `json:"keys,omitempty"`
	// caBundle holds the certificates that sign the issuer's certificate. Absent, the system's are used.
	// +optional
	CABundle PEMBundle `json:"caBundle,omitempty"`
	// algorithms are the signature algorithms that are accepted. Databricks accepts RS256 and ES256.
	// +optional
	// +listType=set
	// +kubebuilder:default={RS256}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Algorithms []SigningAlgorithm `json:"algorithms,omitempty"`
	// tokenType says which kind of token is accepted.
	// +optional
	// +kubebuilder:default=AccessToken
	TokenType TokenType `json:"tokenType,omitempty"`
	// claims name the claims that are read.
	// +required
	Claims FederationClaims `json:"claims,omitzero"`
	// allowedClients are the values of `azp` or `client_id` that are accepted. Absent, every client of the issuer is.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	AllowedClients []string `json:"allowedClients,omitempty"`
	// exchange says which token is exchanged for the role's.
	// +optional
	// +kubebuilder:default=CallerToken
	Exchange ExchangeMode `json:"exchange,omitempty"`
	// roles are Roles of this namespace, each with the value of the role claim that stands for it.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:XValidation:rule="self.all(r, self.exists_one(o, o.subject == r.subject))",message="each `subject` in `roles` must be unique"
	Roles []FederatedRole `json:"roles,omitempty"`
	// namespaceSelector selects namespaces whose Roles are all included. The value of
	// the role claim that stands for such a Role is always `<namespace>/<role>`, so that
	// no tenant can take another's.
	// +optional
	// +kubebuilder:validation:XValidation:rule="has(self.matchLabels) && size(self.matchLabels) > 0 || has(self.matchExpressions) && size(self.matchExpressions) > 0",message="`namespaceSelector` must have `matchLabels` or `matchExpressions`: an empty selector selects nothing"
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// managementPolicy says how far the operator may go. The stricter of this and the
	// Workspace's counts. Default Enforce.
	// +optional
	// +kubebuilder:default=Enforce
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`
	// deletionPolicy says what happens to the policies in Databricks when this resource is deleted. Default Delete.
	// +optional
	// +kubebuilder:default=Delete
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// SigningAlgorithm is a JWS algorithm.
// +kubebuilder:validation:Enum=RS256;ES256
type SigningAlgorithm string

// TokenType is a kind of JWT.
// +kubebuilder:validation:Enum=AccessToken;JWT
type TokenType string

const (
	// TokenTypeAccessToken accepts RFC 9068 access tokens, `typ: at+jwt`. The default.
	TokenTypeAccessToken TokenType = "AccessToken"
	// TokenTypeJWT accepts any JWT that is not an ID token.
	TokenTypeJWT TokenType = "JWT"
)

// ExchangeMode says which token is exchanged.
// +kubebuilder:validation:Enum=CallerToken
type ExchangeMode string

// ExchangeCallerToken exchanges the caller's own token. The default.
const ExchangeCallerToken ExchangeMode = "CallerToken"

// IssuerKeys say where signing keys come from.
// +kubebuilder:validation:ExactlyOneOf=uri;inline
type IssuerKeys struct {
	// uri is the URL of the JWKS.
	// +optional
	URI HTTPSURL `json:"uri,omitempty"`
	// inline is the JWKS itself, as JSON.
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=32768
	Inline string `json:"inline,omitempty"`
}

// ClaimName is the name of a JWT claim.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=256
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9_.:/-]+$')`,message="must be letters, digits and any of '_', '.', ':', '/' and '-'"
type ClaimName string

// FederationClaims name the claims that are read.
type FederationClaims struct {
	// role is the claim whose value says the role.
	// +required
	Role ClaimName `json:"role,omitempty"`
	// roleFormat says whether the claim holds one string or a list. Databricks matches only a
	// single string, so CallerToken needs 'String'.
	// +optional
	// +kubebuilder:default=String
	// +kubebuilder:validation:Enum=String
	RoleFormat string `json:"roleFormat,omitempty"`
	// email is the claim that holds the e-mail address, for attribution. Default email.
	// +optional
	// +kubebuilder:default=email
	Email ClaimName `json:"email,omitempty"`
	// name is the claim that holds the display name, for attribution. Default name.
	// +optional
	// +kubebuilder:default=name
	Name ClaimName `json:"name,omitempty"`
}

// FederatedRole is a Role with the claim value that stands for it.
type FederatedRole struct {
	// name is the name of the Role.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$')`,message="must be lower-case letters, digits, dashes and dots, with a letter or digit first and last in each part"
	Name string `json:"name,omitempty"`
	// subject is the value of the role claim that stands for the Role. It must not contain a
	// slash: values with one belong to `namespaceSelector`.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9_.:@|-]+$')`,message="must be letters, digits and any of '_', '.', ':', '@', '|' and '-': a value with '/' belongs to `namespaceSelector`"
	Subject string `json:"subject,omitempty"`
}

// BoundRole is a Role for which a policy exists in Databricks.
type BoundRole struct {
	// role is `<namespace>/<name>` of the Role.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=320
	Role string `json:"role,omitempty"`
	// subject is the value of the role claim that stands for it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Subject string `json:"subject,omitempty"`
	// servicePrincipalID is the numeric id of the service principal that the policy belongs to.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	ServicePrincipalID string `json:"servicePrincipalID,omitempty"`
	// policyID is the id of the policy.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	PolicyID string `json:"policyID,omitempty"`
}

// FederationPolicyStatus is what the operator observed of a FederationPolicy.
type FederationPolicyStatus struct {
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
	// roles are the Roles whose policies exist in Databricks.
	// +optional
	// +listType=map
	// +listMapKey=role
	// +kubebuilder:validation:MaxItems=2048
	Roles []BoundRole `json:"roles,omitempty"`
	// applied is the ownership record: service principals on which a policy of ours is or was
	// about to be, so that what is no longer asked for is found and removed.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=2048
	Applied        []BoundRole `json:"applied,omitempty"`
	ExternalStatus `json:",inline"`
}

// FederationPolicy trusts an identity provider for some Roles.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,categories=gatehouse,path=federationpolicies,singular=federationpolicy
// +kubebuilder:printcolumn:name="Issuer",type=string,JSONPath=`.spec.issuer`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type FederationPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	// spec is what is declared.
	// +required
	Spec FederationPolicySpec `json:"spec,omitzero"`
	// status is what was observed.
	// +optional
	// +kubebuilder:default={}
	Status FederationPolicyStatus `json:"status,omitzero"`
}

// FederationPolicyList is a list of FederationPolicies.
// +kubebuilder:object:root=true
type FederationPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []FederationPolicy `json:"items"`
}
