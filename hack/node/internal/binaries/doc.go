// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package binaries builds the programs a local cluster is made of from their Go modules, or finds them where an earlier run
// left them.
//
// What to build, and at which version, is pinned by the modules under hack/node/modules. The results live outside the tree, in
// the user's cache folder, in one folder for each state of those modules; a program appears there whole or not at all, and
// two runs at once wait for each other one program at a time. Every byte of the modules' files counts for the name of that
// folder, comments and the module's own path included: an edit of one has everybody build Kubernetes again.
package binaries
