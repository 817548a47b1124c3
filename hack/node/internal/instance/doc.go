// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package instance decides what one local cluster is called and where everything of it is: addresses, folders, files. It
// touches nothing.
//
// Instances are told apart on the host by an index from 0 to 63. Each has a network namespace whose only way out is a pair of
// virtual interfaces:
//
//	host gh<i>h 10.201.<i>.1 ---- 10.201.<i>.2 eth0, the node: API server, kubelet, cluster DNS, NodePorts
//	                                             pods 10.202.<i>.0/24, services 10.203.<i>.0/24
//
// The host has routes to pods and services by way of the node, so all three can be reached from it.
package instance
