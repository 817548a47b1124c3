// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"time"
)

// Principal is a service principal or a user. Users have no ApplicationID.
type Principal struct {
	ID            string `json:"id"`
	ApplicationID string `json:"applicationId,omitempty"`
	UserName      string `json:"userName,omitempty"`
	DisplayName   string `json:"displayName"`
	ExternalID    string `json:"externalId,omitempty"`
	Active        bool   `json:"active"`
	// AccountAdmin may administer the account.
	AccountAdmin bool `json:"accountAdmin,omitempty"`
	// Secrets are the hashes of OAuth secrets.
	Secrets  []Secret `json:"secrets,omitempty"`
	Policies []Policy `json:"policies,omitempty"`
}

// Name is how grants and SQL name the principal.
func (p Principal) Name() string {
	if p.ApplicationID != "" {
		return p.ApplicationID
	}
	return p.UserName
}

// Secret is an OAuth secret, of which only the hash is kept.
type Secret struct {
	ID   string `json:"id"`
	Hash string `json:"secret_hash"`
}

// Policy is a federation policy of a service principal.
type Policy struct {
	PolicyID    string     `json:"policy_id"`
	UID         string     `json:"uid"`
	Description string     `json:"description,omitempty"`
	CreateTime  time.Time  `json:"create_time"`
	UpdateTime  time.Time  `json:"update_time"`
	OIDC        OIDCPolicy `json:"oidc_policy"`
}

// OIDCPolicy is what a JWT is held against.
type OIDCPolicy struct {
	Issuer       string   `json:"issuer,omitempty"`
	Audiences    []string `json:"audiences,omitempty"`
	Subject      string   `json:"subject,omitempty"`
	SubjectClaim string   `json:"subject_claim,omitempty"`
	JWKSJSON     string   `json:"jwks_json,omitempty"`
	JWKSURI      string   `json:"jwks_uri,omitempty"`
}

// Group is an account group. Members are numeric ids of principals and groups.
type Group struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"displayName"`
	ExternalID  string   `json:"externalId,omitempty"`
	Members     []string `json:"members,omitempty"`
}
