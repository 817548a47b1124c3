// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package packages sees to it that the host has the programs a node needs which are not built from Go modules: a container runtime,
// network plug-ins and the tools to set networks up. On Debian and its kin it installs what is missing.
package packages
