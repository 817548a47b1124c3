// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ExternalStatus is what the status of each kind says that keeps something in Databricks.
type ExternalStatus struct {
	// plan is what would be done if the management policy were Enforce, one step a line. It is
	// empty when there is nothing to do, and when the policy is not ObserveOnly. What does not
	// fit is counted in the last line.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=33
	// +kubebuilder:validation:items:MaxLength=512
	Plan []string `json:"plan,omitempty"`
	// agreed is the declaration that Databricks was last seen to agree with.
	// +optional
	Agreed *Agreement `json:"agreed,omitempty"`
	// lastDrift is the last time that something was found changed in Databricks behind our back.
	// +optional
	LastDrift *Drift `json:"lastDrift,omitempty"`
}

// Agreement is a declaration that Databricks was seen to agree with.
type Agreement struct {
	// fingerprint is a hash of everything declared, here and in what this depends on.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint,omitempty"`
	// at is when the agreement was seen first, or was restored after drift. Later looks that
	// found nothing to do are not written.
	// +required
	At metav1.MicroTime `json:"at,omitzero"`
}

// Drift is a change in Databricks that nobody declared.
type Drift struct {
	// detectedAt is when it was found.
	// +required
	DetectedAt metav1.Time `json:"detectedAt,omitzero"`
	// what are the steps that undo it. What does not fit is counted in the last line.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=17
	// +kubebuilder:validation:items:MaxLength=512
	What []string `json:"what,omitempty"`
	// by is who changed it, where Databricks tells.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
	// since is the last time that Databricks was known to agree: it has been so for no longer.
	// +required
	Since metav1.Time `json:"since,omitzero"`
}
