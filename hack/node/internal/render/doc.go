// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package render writes what the parts of a cluster are told: command lines, configuration files, identities and kubeconfigs. It
// is pure: the same instance gives the same text.
package render
