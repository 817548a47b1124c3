// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package node brings up a real Kubernetes cluster of one node on the machine it runs on, for tests and the demo, without
// Docker or a registry: real control plane, real kubelet, real containers.
//
// Binaries alone works on any Unix. A node needs Linux, root and Debian's container packages. Every instance has a
// network and a mount namespace of its own, so instances do not meet each other or the host's own services.
package node
