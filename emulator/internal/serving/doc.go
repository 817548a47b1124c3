// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package serving serves model serving endpoints: chat models and supervisors.
//
//	question --route by description--> sub-agents --as the caller--> SQL, index, model --> outputs --> one text
//
// A supervisor calls its sub-agents with the identity of whoever asked, and each of
// them checks what it always checks: CAN_USE on the warehouse and grants on the
// tables, SELECT on the index, CAN_QUERY on the model. So CAN_QUERY on the
// supervisor alone gets no data: from a sub-agent that the caller may not use comes
// no useful answer, as Databricks documents it.
//
// Models are deterministic. They say nothing that is not in what they were given:
// a model answers with the sentences of its instructions and of the conversation
// that are nearest to the question.
//
// An endpoint has an AI Gateway, which is enforced: limits of calls and of tokens, words
// that are refused, and personal data of the kinds that a pattern can find. What needs
// a model or a table (safety, topics, payloads, usage) is refused by name.
//
// Access lists go by the id of an endpoint and not by its name.
package serving
