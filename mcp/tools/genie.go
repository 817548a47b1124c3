// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

const (
	// genieNew and genieFollowUp are how long Genie may take over a first question and over a further one.
	genieNew      = 60 * time.Second
	genieFollowUp = 40 * time.Second
	// geniePollFirst grows to geniePollMost between two looks at a message.
	geniePollFirst = 2 * time.Second
	geniePollMost  = 5 * time.Second
	// genieRows is how many rows of a result are answered.
	genieRows = 50
	// genieForget bounds the attempt to end a message that nobody waits for.
	genieForget = 5 * time.Second
	// conversationLifetime is how long a conversation can be gone on with.
	conversationLifetime = time.Hour
)

// Genie asks a Genie space as the owner of a token.
type Genie interface {
	Start(ctx context.Context, c caller.GenieCall, question string) (caller.GenieMessage, error)
	Follow(ctx context.Context, c caller.GenieCall, conversation, question string) (caller.GenieMessage, error)
	Message(ctx context.Context, c caller.GenieCall, conversation, message string) (caller.GenieMessage, error)
	Result(ctx context.Context, c caller.GenieCall, conversation, message, attachment string) (*wire.StatementResult, error)
	Forget(ctx context.Context, c caller.GenieCall, conversation, message string) error
}

// Conversations make and open the handles of conversations.
type Conversations interface {
	Seal(payload []byte, holder []string, now, end time.Time) string
	Open(handle string, holder []string, now time.Time) ([]byte, error)
}

// GenieContext is what a genie tool needs beside what every tool has.
type GenieContext struct {
	Genie         Genie
	Conversations Conversations
	Limiter       ratelimit.Limiter
	// Limit is this pod's part of that of the workspace; LimitKey names the workspace, and
	// Declared is how many questions all pods together may ask in a minute.
	Limit    ratelimit.Limit
	Declared int
	LimitKey string
	// Expires is when the caller's token ends, and with it the one that Genie is asked with.
	Expires time.Time
	Now     func() time.Time
	// Sleep waits between two looks at a message.
	Sleep func(ctx context.Context, d time.Duration) error
}

// genieExecutor asks Genie, waits for the answer and fetches its rows.
type genieExecutor struct {
	tool access.GenieTool
	name string
}

// conversation is what a handle holds.
type conversation struct {
	Space string `json:"s"`
	ID    string `json:"c"`
}

func (e genieExecutor) run(ctx Context, args Arguments) (*Output, error) {
	question, _ := args.Text("question")
	handle, follows := args.Text("conversation_id")
	g := ctx.Genie
	patience := genieNew
	var talk conversation
	if follows {
		var err error
		if talk, err = e.open(ctx, handle); err != nil {
			return nil, err
		}
		patience = genieFollowUp
	}
	if left := g.Expires.Sub(g.Now()); left < patience {
		return nil, Errorf(CodeTokenExpires, "your token ends in %d s and Genie may take %d s; sign in again", max(int(left.Seconds()), 0), int(patience.Seconds()))
	}
	wait, err := g.Limiter.Take(ctx, g.LimitKey, g.Limit)
	if err != nil {
		return nil, Errorf(CodeUpstreamUnavailable, "the rate of questions cannot be counted at the moment; try again later").Because(err)
	}
	if wait > 0 {
		return nil, Errorf(CodeRateLimited, "Genie takes %d questions a minute from all callers together", g.Declared).After(wait)
	}
	asked, cancel := context.WithTimeout(ctx.Context, patience)
	defer cancel()
	outer := ctx.Context
	ctx.Context = asked
	message, err := e.ask(ctx, talk, question)
	if err == nil {
		message, err = e.await(ctx, message)
	}
	if err != nil {
		return nil, e.failure(outer, err, patience)
	}
	return e.answer(ctx, message)
}

func (genieExecutor) missing(ctx Context) string {
	g := ctx.Genie
	switch {
	case g.Genie == nil:
		return "Genie"
	case g.Conversations == nil:
		return "conversations"
	case g.Limiter == nil:
		return "limiter"
	case g.Now == nil || g.Sleep == nil:
		return "clock"
	}
	return ""
}

// open finds the conversation that a handle stands for.
func (e genieExecutor) open(ctx Context, handle string) (conversation, error) {
	raw, err := ctx.Genie.Conversations.Open(handle, e.holder(ctx), ctx.Genie.Now())
	var talk conversation
	switch {
	case errors.Is(err, seal.ErrEnded):
		return talk, Errorf(CodeInvalidArgument, "`conversation_id` has expired; leave it out to begin a new conversation")
	case err != nil, json.Unmarshal(raw, &talk) != nil, talk.Space != e.tool.SpaceID:
		return talk, Errorf(CodeInvalidArgument, "`conversation_id` is not one that this tool gave you; leave it out to begin a new conversation")
	}
	return talk, nil
}

// holder is whom a conversation is bound to: the caller in this role, at this tool.
func (e genieExecutor) holder(ctx Context) []string {
	return []string{"genie", e.name, ctx.Caller.Issuer, ctx.Caller.Subject, ctx.Caller.Role}
}

// ask puts the question. Nothing has been asked when the token was not accepted, so
// that it may be exchanged once more.
func (e genieExecutor) ask(ctx Context, talk conversation, question string) (caller.GenieMessage, error) {
	return asRole(ctx, func(token wire.Secret) (caller.GenieMessage, error) {
		c := caller.GenieCall{Token: token, RequestID: ctx.RequestID, Space: e.tool.SpaceID}
		if talk.ID == "" {
			return ctx.Genie.Genie.Start(ctx, c, question)
		}
		return ctx.Genie.Genie.Follow(ctx, c, talk.ID, question)
	})
}

func (e genieExecutor) call(ctx Context) (caller.GenieCall, error) {
	token, err := ctx.Session.Token(ctx, false)
	return caller.GenieCall{Token: token, RequestID: ctx.RequestID, Space: e.tool.SpaceID}, err
}

// await looks at a message until it has ended. When nobody waits any more, the
// message is removed, which ends what Genie does for it.
func (e genieExecutor) await(ctx Context, m caller.GenieMessage) (caller.GenieMessage, error) {
	g := ctx.Genie
	step := 0
	for pause := geniePollFirst; !m.Status.Ended(); pause = min(pause*3/2, geniePollMost) {
		if ctx.Progress != nil {
			step++
			ctx.Progress(step, stage(m.Status))
		}
		err := g.Sleep(ctx, pause)
		var c caller.GenieCall
		if err == nil {
			c, err = e.call(ctx)
		}
		var next caller.GenieMessage
		if err == nil {
			next, err = g.Genie.Message(ctx, c, m.ConversationID, m.ID)
		}
		if err != nil {
			if ctx.Err() != nil {
				e.forget(ctx, m)
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

func (e genieExecutor) forget(ctx Context, m caller.GenieMessage) {
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx.Context), genieForget)
	defer cancel()
	ctx.Context = detached
	if c, err := e.call(ctx); err == nil {
		_ = ctx.Genie.Genie.Forget(detached, c, m.ConversationID, m.ID) // as well as it can be
	}
}

// failure says why there is no answer. Outer is the call's own context.
func (e genieExecutor) failure(outer context.Context, err error, patience time.Duration) error {
	if outer.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return Errorf(CodeDeadlineExceeded, "Genie took longer than %d s; ask for less", int(patience.Seconds())).Because(err)
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	return upstreamError(outer, err)
}

// answer shapes a message that has ended.
func (e genieExecutor) answer(ctx Context, m caller.GenieMessage) (*Output, error) {
	switch m.Status {
	case caller.GenieCompleted:
	case caller.GenieResultExpired:
		return nil, Errorf(CodeUpstreamError, "the result of the question is gone; ask again")
	case caller.GenieCancelled:
		return nil, Errorf(CodeUpstreamError, "the question was cancelled in Databricks; ask again")
	default:
		return nil, genieFailed(m.FailureType)
	}
	now := ctx.Genie.Now()
	raw, err := json.Marshal(conversation{e.tool.SpaceID, m.ConversationID})
	if err != nil {
		return nil, fmt.Errorf("seal a conversation: %w", err)
	}
	out := &Output{}
	if m.Query != nil {
		c, err := e.call(ctx)
		if err != nil {
			return nil, err
		}
		result, err := ctx.Genie.Genie.Result(ctx, c, m.ConversationID, m.ID, m.Query.AttachmentID)
		if err != nil {
			return nil, upstreamError(ctx, err)
		}
		out = table(result, genieRows)
		if total := max(*out.TotalRows, m.Query.RowCount); total > *out.TotalRows {
			out.TotalRows = &total
		}
		out.Truncated = out.Truncated || m.Query.Truncated || *out.TotalRows > int64(*out.RowCount)
		out.Query = Clean(m.Query.SQL, maxForeignText)
		if m.Text == "" {
			m.Text = m.Query.Description
		}
	}
	out.clarification = m.Asks
	out.Message = Clean(m.Text, maxForeignText)
	out.ConversationID = ctx.Genie.Conversations.Seal(raw, e.holder(ctx), now, now.Add(conversationLifetime))
	return out, nil
}

// genieFailed says what a failure of Genie means for the caller.
func genieFailed(kind string) error {
	switch kind {
	case "WAREHOUSE_ACCESS_MISSING_EXCEPTION", "TABLES_MISSING_EXCEPTION", "NO_TABLES_TO_QUERY_EXCEPTION", "WAREHOUSE_NOT_FOUND_EXCEPTION":
		return Errorf(CodeUpstreamDenied, "Databricks refuses your role what this tool needs (%s)", kind)
	case "RATE_LIMIT_EXCEEDED_GENERIC_EXCEPTION", "RATE_LIMIT_EXCEEDED_SPECIFIED_WAIT_EXCEPTION":
		return Errorf(CodeRateLimited, "Databricks limits the rate of questions").After(time.Minute)
	case "RETRYABLE_PROCESSING_EXCEPTION", "REPLY_PROCESS_TIMEOUT_EXCEPTION":
		return Errorf(CodeUpstreamUnavailable, "Genie could not answer at the moment (%s); try again", kind)
	case "":
		kind = "no reason given"
	}
	return Errorf(CodeUpstreamError, "Genie could not answer (%s); ask in another way", kind)
}
