// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

const (
	// servingPatience is how long an endpoint may take over a question.
	servingPatience = 120 * time.Second
	// servingTells is how often the caller is told that the question is still worked on.
	servingTells = 5 * time.Second
	// maxAgents is how many agents an answer names.
	maxAgents = 32
	// maxRawText is how much of a text is looked at.
	maxRawText = 256 << 10
)

// servingExecutor asks a serving endpoint: a model, an agent or a supervisor of agents.
type servingExecutor struct{ tool access.ServingTool }

func (servingExecutor) missing(ctx Context) string {
	if ctx.Serving == nil {
		return "serving"
	}
	return ""
}

func (e servingExecutor) run(ctx Context, args Arguments) (*Output, error) {
	question, _ := args.Text("question")
	outer := ctx.Context
	asked, cancel := context.WithTimeout(outer, servingPatience)
	defer cancel()
	ctx.Context = asked
	quiet := tell(asked, ctx.Progress, servingTells)
	answer, err := asRole(ctx, func(token wire.Secret) (*caller.ServingAnswer, error) {
		a, err := ctx.Serving.Ask(asked, token, caller.ServingRequest{
			Endpoint: e.tool.Endpoint, Chat: e.tool.API == "Chat", Question: question, RequestID: ctx.RequestID,
		})
		if err != nil {
			return nil, servingFailure(outer, asked, err)
		}
		return a, nil
	})
	quiet()
	if err != nil {
		return nil, err
	}
	out := said(answer)
	if out.Message == "" {
		return nil, wordless()
	}
	return out, nil
}

func wordless() *Error {
	return Errorf(CodeUpstreamError, "the endpoint answered without words; ask in another way")
}

// tell says at intervals that a call goes on, until what it returns is called.
func tell(ctx context.Context, progress func(int, string), every time.Duration) (quiet func()) {
	if progress == nil {
		return func() {}
	}
	began, stop, stopped := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for step := 1; ; step++ {
			select {
			case <-stop:
				return
			case <-ctx.Done():
				return
			case <-ticker.C:
				progress(step, fmt.Sprintf("waiting for the answer (%d s)", int(time.Since(began).Seconds())))
			}
		}
	}()
	return sync.OnceFunc(func() { close(stop); <-stopped })
}

// servingFailure says why there is no answer. Outer is the call's own context, asked
// that of the question.
func servingFailure(outer, asked context.Context, err error) error {
	if outer.Err() == nil && asked.Err() != nil {
		return Errorf(CodeDeadlineExceeded, "the endpoint took longer than %d s; ask for less", int(servingPatience.Seconds())).Because(err)
	}
	e, ok := errors.AsType[*wire.CallError](err)
	switch {
	case !ok || outer.Err() != nil:
	case e.Code == "NO_ANSWER":
		return wordless().Because(err)
	case e.Status == http.StatusNotFound:
		return Errorf(CodeUpstreamError, "the serving endpoint of this tool does not exist; the platform team must look at it").Because(err)
	case e.Status == http.StatusServiceUnavailable:
		return Errorf(CodeUpstreamUnavailable, "the endpoint is not ready: it may be starting, which takes some minutes; try again later").After(e.RetryAfter).Because(err)
	case e.Status == http.StatusGatewayTimeout:
		return Errorf(CodeUpstreamUnavailable, "the endpoint did not answer in time; ask for less, or try again later").After(e.RetryAfter).Because(err)
	case lost(e):
		return Errorf(CodeUpstreamUnavailable, "the answer was lost, and the question may have been worked on; ask again if that does no harm").Because(err)
	}
	return upstreamErrorOf(outer, err, "the question to the endpoint of this tool")
}

// lost says that a call may have been carried out although there is no answer.
func lost(e *wire.CallError) bool {
	return slices.Contains([]string{"UNREACHABLE", "TRUNCATED", "NOT_JSON"}, e.Code)
}

// marker is what a supervisor writes where another agent goes on.
var marker = regexp.MustCompile(`[ \t]*<name>([^<>\n]{1,128})</name>[ \t]*\n?`)

// said shapes an answer: the last text that says something, and who had a part in it.
func said(a *caller.ServingAnswer) *Output {
	out := &Output{}
	note := func(agent string) {
		if agent = strings.TrimSpace(Clean(agent, 128)); agent != "" && len(out.Agents) < maxAgents && !slices.Contains(out.Agents, agent) {
			out.Agents = append(out.Agents, agent)
		}
	}
	for _, agent := range a.Agents {
		note(agent)
	}
	for _, text := range a.Texts {
		text = Clean(text, maxRawText) // first, because it can make a marker whole
		for _, m := range marker.FindAllStringSubmatch(text, -1) {
			note(m[1])
		}
		text = strings.TrimSpace(marker.ReplaceAllString(text, ""))
		if text == "" {
			continue
		}
		out.Message, out.Truncated = Clean(text, maxForeignText), len(text) > maxForeignText
	}
	return out
}
