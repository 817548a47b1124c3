// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cgroup makes and removes the control group that holds an instance's pods, in each hierarchy the machine has: one with
// version 2, one for each controller with version 1.
package cgroup
