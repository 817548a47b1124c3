// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package genie runs tools that ask a Genie space in natural language.
package genie

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

const (
	// patienceNew and patienceFollowUp are how long Genie may take over a first question and over a further one.
	patienceNew      = 60 * time.Second
	patienceFollowUp = 40 * time.Second
	// pollFirst grows to pollMost between two looks at a message.
	pollFirst = 2 * time.Second
	pollMost  = 5 * time.Second
	// maxRows is how many rows of a result are answered.
	maxRows = 50
	// forgetWithin bounds the attempt to end a message that nobody waits for.
	forgetWithin = 5 * time.Second
	// conversationLifetime is how long a conversation can be gone on with.
	conversationLifetime = time.Hour
	// statementOf is what an error names: Genie answers by a statement.
	statementOf = "the statement of this tool"
)

// Executor asks Genie, waits for the answer and fetches its rows.
type Executor struct{ o Options }

// New makes an Executor.
func New(o Options) (*Executor, error) {
	switch {
	case o.Client == nil:
		return nil, errors.New("a client for Genie is required")
	case o.Conversations == nil:
		return nil, errors.New("the keys of conversations are required")
	case o.Quota.Limiter == nil:
		return nil, errors.New("a limit on questions is required")
	case o.Now == nil:
		return nil, errors.New("a clock is required")
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return &Executor{o}, nil
}

// Timeout returns what waiting for Genie takes, whatever the standard is.
func (e *Executor) Timeout(time.Duration) time.Duration { return patienceNew + 10*time.Second }

// sleep waits, or ends with ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// conversation is what a handle holds.
type conversation struct {
	Space string `json:"s"`
	ID    string `json:"c"`
}

// Run asks a question as the caller, or goes on with a conversation.
func (e *Executor) Run(ctx context.Context, c tools.Call, args tools.Arguments) (*tools.Output, error) {
	question, _ := args.Text("question")
	handle, follows := args.Text("conversation_id")
	patience := patienceNew
	var talk conversation
	if follows {
		var err error
		if talk, err = e.open(c, handle); err != nil {
			return nil, err
		}
		patience = patienceFollowUp
	}
	if left := c.Expires.Sub(e.o.Now()); left < patience {
		return nil, tools.Errorf(tools.CodeTokenExpires, "your token ends in %d s and Genie may take %d s; sign in again", max(int(left.Seconds()), 0), int(patience.Seconds()))
	}
	if err := e.count(ctx); err != nil {
		return nil, err
	}
	asked, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	message, err := e.ask(asked, c, talk, question)
	if err == nil {
		message, err = e.await(asked, c, message)
	}
	if err != nil {
		return nil, e.failure(ctx, err, patience)
	}
	return e.answer(asked, c, message)
}

// count takes one of the questions that the workspace allows.
func (e *Executor) count(ctx context.Context) error {
	q := e.o.Quota
	wait, err := q.Limiter.Take(ctx, q.Key, q.Limit)
	if err != nil {
		return tools.Errorf(tools.CodeUpstreamUnavailable, "the rate of questions cannot be counted at the moment; try again later").Because(err)
	}
	if wait > 0 {
		return tools.Errorf(tools.CodeRateLimited, "Genie takes %d questions a minute from all callers together", q.Declared).After(wait)
	}
	return nil
}

// open finds the conversation that a handle stands for.
func (e *Executor) open(c tools.Call, handle string) (conversation, error) {
	raw, err := e.o.Conversations.Open(handle, e.holder(c), e.o.Now())
	var talk conversation
	switch {
	case errors.Is(err, seal.ErrEnded):
		return talk, tools.Errorf(tools.CodeInvalidArgument, "`conversation_id` has expired; leave it out to begin a new conversation")
	case err != nil, json.Unmarshal(raw, &talk) != nil, talk.Space != e.o.Tool.SpaceID:
		return talk, tools.Errorf(tools.CodeInvalidArgument, "`conversation_id` is not one that this tool gave you; leave it out to begin a new conversation")
	}
	return talk, nil
}

// holder is whom a conversation is bound to: the caller in this role, at this tool.
func (e *Executor) holder(c tools.Call) []string {
	return []string{"genie", e.o.Name, c.Caller.Issuer, c.Caller.Subject, c.Caller.Role}
}

// ask puts the question. Nothing has been asked when the token was not accepted, so
// that it may be exchanged once more.
func (e *Executor) ask(ctx context.Context, c tools.Call, talk conversation, question string) (caller.GenieMessage, error) {
	return tools.AsRole(ctx, c, func(token wire.Secret) (caller.GenieMessage, error) {
		call := e.with(c, token)
		if talk.ID == "" {
			return e.o.Client.Start(ctx, call, question)
		}
		return e.o.Client.Follow(ctx, call, talk.ID, question)
	})
}

// with is a call of the tool's space with a token.
func (e *Executor) with(c tools.Call, token wire.Secret) caller.GenieCall {
	return caller.GenieCall{Token: token, RequestID: c.RequestID, Space: e.o.Tool.SpaceID}
}

func (e *Executor) call(ctx context.Context, c tools.Call) (caller.GenieCall, error) {
	token, err := c.Session.Token(ctx, false)
	return e.with(c, token), err
}

// await looks at a message until it has ended. When nobody waits any more, the
// message is removed, which ends what Genie does for it.
func (e *Executor) await(ctx context.Context, c tools.Call, m caller.GenieMessage) (caller.GenieMessage, error) {
	step := 0
	for pause := pollFirst; !m.Status.Ended(); pause = min(pause*3/2, pollMost) {
		if c.Progress != nil {
			step++
			c.Progress(step, stage(m.Status))
		}
		err := e.o.Sleep(ctx, pause)
		var call caller.GenieCall
		if err == nil {
			call, err = e.call(ctx, c)
		}
		var next caller.GenieMessage
		if err == nil {
			next, err = e.o.Client.Message(ctx, call, m.ConversationID, m.ID)
		}
		if err != nil {
			if ctx.Err() != nil {
				e.forget(ctx, c, m)
			}
			return m, err
		}
		m = next
	}
	return m, nil
}

// stage is a state in words for people.
func stage(s caller.GenieStatus) string {
	switch s {
	case "PENDING_WAREHOUSE":
		return "waiting for the SQL warehouse"
	case "EXECUTING_QUERY":
		return "running the query"
	case "ASKING_AI":
		return "writing the query"
	default:
		return "understanding the question"
	}
}

func (e *Executor) forget(ctx context.Context, c tools.Call, m caller.GenieMessage) {
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetWithin)
	defer cancel()
	if call, err := e.call(detached, c); err == nil {
		_ = e.o.Client.Forget(detached, call, m.ConversationID, m.ID) // as well as it can be
	}
}

// failure says why there is no answer. Outer is the call's own context.
func (e *Executor) failure(outer context.Context, err error, patience time.Duration) error {
	if outer.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return tools.Errorf(tools.CodeDeadlineExceeded, "Genie took longer than %d s; ask for less", int(patience.Seconds())).Because(err)
	}
	if own, ok := errors.AsType[*tools.Error](err); ok {
		return own
	}
	return tools.UpstreamError(outer, err, statementOf)
}

// answer shapes a message that has ended.
func (e *Executor) answer(ctx context.Context, c tools.Call, m caller.GenieMessage) (*tools.Output, error) {
	switch m.Status {
	case caller.GenieCompleted:
	case caller.GenieResultExpired:
		return nil, tools.Errorf(tools.CodeUpstreamError, "the result of the question is gone; ask again")
	case caller.GenieCancelled:
		return nil, tools.Errorf(tools.CodeUpstreamError, "the question was cancelled in Databricks; ask again")
	default:
		return nil, failed(m.FailureType)
	}
	now := e.o.Now()
	raw, err := json.Marshal(conversation{e.o.Tool.SpaceID, m.ConversationID})
	if err != nil {
		return nil, fmt.Errorf("seal a conversation: %w", err)
	}
	out := &tools.Output{}
	if m.Query != nil {
		call, err := e.call(ctx, c)
		if err != nil {
			return nil, err
		}
		result, err := e.o.Client.Result(ctx, call, m.ConversationID, m.ID, m.Query.AttachmentID)
		if err != nil {
			return nil, tools.UpstreamError(ctx, err, statementOf)
		}
		out = tools.Table(result, maxRows)
		if total := max(*out.TotalRows, m.Query.RowCount); total > *out.TotalRows {
			out.TotalRows = &total
		}
		out.Truncated = out.Truncated || m.Query.Truncated || *out.TotalRows > int64(*out.RowCount)
		out.Query = tools.Clean(m.Query.SQL, tools.MaxForeignText)
		if m.Text == "" {
			m.Text = m.Query.Description
		}
	}
	if m.Asks {
		out.Clarify()
	}
	out.Message = tools.Clean(m.Text, tools.MaxForeignText)
	out.ConversationID = e.o.Conversations.Seal(raw, e.holder(c), now, now.Add(conversationLifetime))
	return out, nil
}

// failed says what a failure of Genie means for the caller.
func failed(kind string) error {
	switch kind {
	case "WAREHOUSE_ACCESS_MISSING_EXCEPTION", "TABLES_MISSING_EXCEPTION", "NO_TABLES_TO_QUERY_EXCEPTION", "WAREHOUSE_NOT_FOUND_EXCEPTION":
		return tools.Errorf(tools.CodeUpstreamDenied, "Databricks refuses your role what this tool needs (%s)", kind)
	case "RATE_LIMIT_EXCEEDED_GENERIC_EXCEPTION", "RATE_LIMIT_EXCEEDED_SPECIFIED_WAIT_EXCEPTION":
		return tools.Errorf(tools.CodeRateLimited, "Databricks limits the rate of questions").After(time.Minute)
	case "RETRYABLE_PROCESSING_EXCEPTION", "REPLY_PROCESS_TIMEOUT_EXCEPTION":
		return tools.Errorf(tools.CodeUpstreamUnavailable, "Genie could not answer at the moment (%s); try again", kind)
	case "":
		kind = "no reason given"
	}
	return tools.Errorf(tools.CodeUpstreamError, "Genie could not answer (%s); ask in another way", kind)
}
