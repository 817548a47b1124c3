// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ExternalStatus is what the status of each kind says that keeps something in Databricks.
type ExternalStatus struct {
	// plan lists the steps that the operator would take if the management policy were Enforce,
	// one in each line. It is empty when there is nothing to do, and when the policy is not
	// ObserveOnly. The last line counts the steps that do not fit.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=33
	// +kubebuilder:validation:items:MaxLength=512
	Plan []string `json:"plan,omitempty"`
	// lastSync records the declaration that Databricks last matched.
	// +optional
	LastSync *SyncRecord `json:"lastSync,omitempty"`
	// lastDrift is the last change in Databricks that no resource declared.
	// +optional
	LastDrift *Drift `json:"lastDrift,omitempty"`
}

// SyncRecord is a declaration that Databricks matched.
type SyncRecord struct {
	// fingerprint is a hash of everything declared, here and in the resources that this one depends on.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint,omitempty"`
	// at is when Databricks first matched, or matched again after drift. Later observations
	// that found nothing to do are not recorded.
	// +required
	At metav1.MicroTime `json:"at,omitzero"`
}

// Drift is a change in Databricks that no resource declared.
type Drift struct {
	// detectedAt is when the operator detected it.
	// +required
	DetectedAt metav1.Time `json:"detectedAt,omitzero"`
	// steps are the steps that undo it. The last line counts those that do not fit.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=17
	// +kubebuilder:validation:items:MaxLength=512
	Steps []string `json:"steps,omitempty"`
	// by is the user or service principal that changed it, where Databricks records that.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	By string `json:"by,omitempty"`
	// since is the last time that Databricks was known to match. The change is not older.
	// +required
	Since metav1.Time `json:"since,omitzero"`
}
