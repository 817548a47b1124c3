// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package api tests the CRDs on a real API server, with the examples in hack/examples:
//
//	hack/examples/<kind>/minimal.yaml  the least that the API server accepts; no field can be left out
//	hack/examples/<kind>/maximal.yaml  every field of the kind; one document for each variant of a union
//	hack/examples/<kind>/refused.yaml  one case for each way to break a CEL rule, with the rule's message
//
// A case in refused.yaml changes one field of an accepted object:
//
//	name:    the field, and what is wrong with it
//	base:    a document of minimal.yaml or maximal.yaml, by its metadata.name; "maximal" when absent
//	accept:  a patch that makes the accepted neighbour from the base; when absent, the base is the neighbour
//	patch:   a patch that makes the refused object from the neighbour
//	update:  true when both are updates of the base, for rules that compare old and new
//	message: the API server's message for the field, without field and value
//
// A patch that is a map is a JSON merge patch, and a list is a JSON patch (kubectl
// patch --type merge and --type json). A rule without a case fails the tests.
//
// Bounds, required fields, enums and duplicates have no cases. The tests derive them
// from the schema: each is tried at the bound, and one beyond, in an example that sets
// the field.
package api
