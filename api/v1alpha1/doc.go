// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the custom resources of Gatehouse: what a platform
// team declares about roles, identity providers, tools and MCP servers, and
// what the operator observed of them.
//
// Spec is intent and is complete; status is observation and is rebuilt by the
// controllers. A rule that one object can break alone is written here as CEL
// and enforced by the API server; a rule that needs a second object is a
// condition.
//
// +kubebuilder:object:generate=true
// +groupName=gatehouse.dev
package v1alpha1
