// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package roleprobe runs checks as the service principal of a Role, in the background, and
// remembers their results.
//
//	create the temporary federation policy --> exchange the operator's token --> run the query --> delete the policy
//
// A check is a boolean SQL expression, such as is_account_group_member('sales'). All checks
// of a Probe run in one SELECT, beside current_user(): a result counts only if the statement
// ran as the service principal.
//
// The policy admits the operator's own service account and nobody else. It is deleted
// however the query ends. A crash can leave it behind, so the caller records it in the
// status of the object that the probe is for before Start, and deletes what is recorded
// when this process knows nothing of it (Snapshot.Removed). The policy carries the mark of the
// object, and a policy with another mark is never deleted.
//
// The decisions (which results are fresh, when to probe again) are pure and in result.go.
package roleprobe
