// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package session declares what a service needs to run SQL as a principal: an
// executor, a directory of groups, and the warehouses that the principal may use.
package session
