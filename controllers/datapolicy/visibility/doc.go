// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package visibility checks whether the groups that a DataPolicy names are visible to its
// functions, and reports the condition GroupsVisible.
//
//	choose a Role for each group --> look up groups --> delete stale policies --> start due probes --> report
//
// Only a query as a member decides whether is_account_group_member or is_member sees the
// membership. So the Adapter chooses a Role that is a member, and lets internal/roleprobe
// run the function as the Role's service principal, in the background. Groups without such a
// Role are looked up in the account.
//
// The Adapter is an external.Auxiliary of the DataPolicy's adapter: the loop drives it after the
// table is protected, and before anything else when the DataPolicy is deleted. Its external
// resources are the temporary federation policies of probes. They are recorded in
// status.probes before they are created. A policy whose probe ended is deleted by the probe
// itself; the plan deletes what a crash left behind.
package visibility
