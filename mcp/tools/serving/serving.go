// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package serving runs tools that ask a serving endpoint: a model, an agent or a supervisor of agents.
package serving

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
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

const (
	// patience is how long an endpoint may take over a question.
	patience = 120 * time.Second
	// progressEvery is how often the caller is told that the question is still worked on.
	progressEvery = 5 * time.Second
	// maxAgents is how many agents an answer names.
	maxAgents = 32
	// maxRawText is how much of a text is looked at.
	maxRawText = 256 << 10
)

// Client asks serving endpoints as the owner of a token.
type Client interface {
	Ask(ctx context.Context, token wire.Secret, r caller.ServingRequest) (*caller.ServingAnswer, error)
}

// Options are what an Executor is made of.
type Options struct {
	Tool access.ServingTool
	// Client is required.
	Client Client
}

// Executor asks a serving endpoint: a model, an agent or a supervisor of agents.
type Executor struct {
	client Client
	tool   access.ServingTool
}

// New makes an Executor.
func New(o Options) (*Executor, error) {
	if o.Client == nil {
		return nil, errors.New("a client for serving endpoints is required")
	}
	return &Executor{o.Client, o.Tool}, nil
}

// Timeout returns what waiting for an agent takes, whatever the standard is.
func (e *Executor) Timeout(time.Duration) time.Duration { return patience + 5*time.Second }

// Run asks the endpoint as the caller.
func (e *Executor) Run(ctx context.Context, c tools.Call, args tools.Arguments) (*tools.Output, error) {
	question, _ := args.Text("question")
	asked, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	quiet := tell(asked, c.Progress, progressEvery)
	answer, err := tools.AsRole(asked, c, func(token wire.Secret) (*caller.ServingAnswer, error) {
		a, err := e.client.Ask(asked, token, caller.ServingRequest{
			Endpoint: e.tool.Endpoint, Chat: e.tool.API == "Chat", Question: question, RequestID: c.RequestID,
		})
		if err != nil {
			return nil, failure(ctx, asked, err)
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

func wordless() *tools.Error {
	return tools.Errorf(tools.CodeUpstreamError, "the endpoint answered without words; ask in another way")
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

// failure says why there is no answer. Outer is the call's own context, asked
// that of the question.
func failure(outer, asked context.Context, err error) error {
	if outer.Err() == nil && asked.Err() != nil {
		return tools.Errorf(tools.CodeDeadlineExceeded, "the endpoint took longer than %d s; ask for less", int(patience.Seconds())).Because(err)
	}
	e, ok := errors.AsType[*wire.CallError](err)
	switch {
	case !ok || outer.Err() != nil:
	case e.Code == "NO_ANSWER":
		return wordless().Because(err)
	case e.Status == http.StatusNotFound:
		return tools.Errorf(tools.CodeUpstreamError, "the serving endpoint of this tool does not exist; the platform team must look at it").Because(err)
	case e.Status == http.StatusServiceUnavailable:
		return tools.Errorf(tools.CodeUpstreamUnavailable, "the endpoint is not ready: it may be starting, which takes some minutes; try again later").After(e.RetryAfter).Because(err)
	case e.Status == http.StatusGatewayTimeout:
		return tools.Errorf(tools.CodeUpstreamUnavailable, "the endpoint did not answer in time; ask for less, or try again later").After(e.RetryAfter).Because(err)
	case lost(e):
		return tools.Errorf(tools.CodeUpstreamUnavailable, "the answer was lost, and the question may have been worked on; ask again if that does no harm").Because(err)
	}
	return tools.UpstreamError(outer, err, "the question to the endpoint of this tool")
}

// lost says that a call may have been carried out although there is no answer.
func lost(e *wire.CallError) bool {
	return slices.Contains([]string{"UNREACHABLE", "TRUNCATED", "NOT_JSON"}, e.Code)
}

// marker is what a supervisor writes where another agent goes on.
var marker = regexp.MustCompile(`[ \t]*<name>([^<>\n]{1,128})</name>[ \t]*\n?`)

// said shapes an answer: the last text that says something, and who had a part in it.
func said(a *caller.ServingAnswer) *tools.Output {
	out := &tools.Output{}
	note := func(agent string) {
		if agent = strings.TrimSpace(tools.Clean(agent, 128)); agent != "" && len(out.Agents) < maxAgents && !slices.Contains(out.Agents, agent) {
			out.Agents = append(out.Agents, agent)
		}
	}
	for _, agent := range a.Agents {
		note(agent)
	}
	for _, text := range a.Texts {
		text = tools.Clean(text, maxRawText) // first, because it can make a marker whole
		for _, m := range marker.FindAllStringSubmatch(text, -1) {
			note(m[1])
		}
		text = strings.TrimSpace(marker.ReplaceAllString(text, ""))
		if text == "" {
			continue
		}
		out.Message, out.Truncated = tools.Clean(text, tools.MaxForeignText), len(text) > tools.MaxForeignText
	}
	return out
}
