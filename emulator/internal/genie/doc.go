// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package genie serves the Genie conversation API: spaces, conversations, messages
// that are answered in the background, and the results of their queries.
//
//	SUBMITTED -> FETCHING_METADATA -> FILTERING_CONTEXT -> ASKING_AI -> PENDING_WAREHOUSE -> EXECUTING_QUERY -> COMPLETED
//
// Each step can end in FAILED or CANCELLED instead, a clarification completes right
// after ASKING_AI, and a completed message whose result was thrown away is
// QUERY_RESULT_EXPIRED. Package rules answers in the place of a language model. What
// it answers runs on the real SQL engine as the caller, as a statement that the
// caller can also ask the statement execution API for: grants, row filters and
// column masks hold as they do there. A space's tables are known by their columns
// to whoever may ask the space; rows are not.
//
// The facts are section 7 of the project's page on Databricks' APIs. Of these the
// emulator leaves out, and answers 501 to: making and changing spaces, serialized
// spaces, visualizations, comments, downloads and agents.
package genie
