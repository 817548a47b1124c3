// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package strictjson checks the shape of JSON that a stranger sent, before anything
// reads its values. Of two members with one name, parsers take either: an inspecting
// proxy and a server could then see different requests in the same bytes.
package strictjson
