// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package faults makes calls fail in the ways that networks and services fail:
// before the handler ran, after it ran but before the reply, and after the reply.
package faults
