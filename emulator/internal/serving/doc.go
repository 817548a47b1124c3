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
// a model or a second one (safety, topics, fallbacks) is refused by name.
//
// Invocations are logged where that is turned on, a moment after they were answered:
//
//	invocation --inference table--> <catalog>.<schema>.<prefix>_payload, of whoever turned it on
//	           --usage tracking--> system.serving.endpoint_usage, which nobody can read without a grant
//
// What a supervisor asks of another endpoint's model is part of the supervisor's
// invocation: neither that endpoint's limits nor its tables know of it.
//
// Access lists go by the id of an endpoint and not by its name.
package serving
