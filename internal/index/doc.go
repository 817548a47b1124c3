// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package index names the field indexes of the operator's cache, and finds by them which
// objects an event concerns. A list by an index costs what it finds; a list without one
// costs every object of the kind, for every event.
package index
