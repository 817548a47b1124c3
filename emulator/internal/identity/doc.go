// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package identity holds who exists in the account: service principals, users,
// groups with their nesting, workspace assignments, federation policies and
// secrets. It serves the account SCIM API, and answers the questions that the SQL
// engine and the token endpoint ask about principals.
package identity
