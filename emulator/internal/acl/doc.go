// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package acl keeps who may do what with the objects of one kind in a workspace,
// and serves /api/2.0/permissions/{kind}/{id} for it: GET, PATCH (upserts one level
// per principal, never removes), PUT (replaces all direct entries) and the list of
// levels. Administrators of the workspace may do everything, and are listed as the
// group "admins" with an inherited CAN_MANAGE.
package acl
