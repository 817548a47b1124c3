// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
)

func ask(t *testing.T, r caller.ServingRequest, answer http.HandlerFunc) (*caller.ServingAnswer, error) {
	t.Helper()
	s := httptest.NewServer(answer)
	defer s.Close()
	return caller.NewServing(s.URL, s.Client()).Ask(t.Context(), "dose-token", r)
}

func TestAQuestionHasTheFormOfItsAPI(t *testing.T) {
	turns := []any{map[string]any{"role": "user", "content": "dose?"}}
	for name, c := range map[string]struct {
		chat bool
		want map[string]any
	}{
		"chat":      {true, map[string]any{"messages": turns, "client_request_id": "r1"}},
		"responses": {false, map[string]any{"input": turns, "client_request_id": "r1"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(t, caller.ServingRequest{Endpoint: "sales-supervisor", Chat: c.chat, Question: "dose?", RequestID: "r1"}, func(w http.ResponseWriter, r *http.Request) {
				var got any
				raw, _ := io.ReadAll(r.Body)
				_ = json.Unmarshal(raw, &got)
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
				if r.Method+" "+r.RequestURI != "POST /serving-endpoints/sales-supervisor/invocations" || r.Header.Get("Authorization") != "Bearer dose-token" {
					t.Errorf("called %s %s with %v", r.Method, r.RequestURI, r.Header)
				}
				wiretest.Answers(200, `{"choices":[{"message":{"content":"a"}}]}`)(w, r)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnswersAreReadInTheirOrder(t *testing.T) {
	for name, c := range map[string]struct {
		body          string
		texts, agents []string
	}{
		"a chat":                         {`{"choices":[{"message":{"content":"no"}},{"message":{"role":"assistant","content":"a"}}]}`, []string{"a"}, nil},
		"a chat in parts":                {`{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"image_url"},{"type":"text","text":"b"}]}}]}`, []string{"a\nb"}, nil},
		"an older agent":                 {`{"messages":[{"role":"assistant","content":"no"},{"role":"assistant","content":"a"}]}`, []string{"a"}, nil},
		"a classic model":                {`{"predictions":["a","no"]}`, []string{"a"}, nil},
		"a classic model with objects":   {`{"predictions":[{"n":9007199254740993}]}`, []string{`{"n":9007199254740993}`}, nil},
		"output comes before choices":    {`{"output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}],"choices":[{"message":{"content":"no"}}]}`, []string{"a"}, nil},
		"empty output falls to choices":  {`{"output":[],"choices":[{"message":{"content":"a"}}]}`, []string{"a"}, nil},
		"a refusal is no text of output": {`{"output":[{"type":"message","content":[{"type":"refusal","refusal":"no"},{"type":"output_text","text":"a"}]}]}`, []string{"a"}, nil},
		"a supervisor": {`{"output":[
			{"type":"function_call","call_id":"1","name":"sales"},{"type":"function_call_output","call_id":"1","output":"x"},
			{"type":"function_call","call_id":"2","name":"silent"},
			{"type":"function_call","call_id":"3","name":"sales"},{"type":"function_call_output","call_id":"3","output":{"odd":1}},
			{"type":"message","role":"assistant","metadata":{"agent":"docs"},"content":[{"type":"output_text","text":"first"}]},
			{"type":"message","role":"assistant","metadata":"odd","name":7,"content":[{"type":"output_text","text":"last"}]}]}`, []string{"first", "last"}, []string{"sales", "docs"}},
		"calls without outputs": {`{"output":[{"type":"function_call","call_id":"1","name":"sales"},{"type":"message","content":"a"}]}`, []string{"a"}, []string{"sales"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ask(t, caller.ServingRequest{Endpoint: "e"}, wiretest.Answers(200, c.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&caller.ServingAnswer{Texts: c.texts, Agents: c.agents}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorsOfQuestions(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   wire.CallKind
		status int
		after  time.Duration
	}{
		"400":            {wiretest.Answers(400, "dose"), wire.CallFailed, 400, 0},
		"401":            {wiretest.Answers(401, "dose"), wire.CallUnauthenticated, 401, 0},
		"403":            {wiretest.Answers(403, "dose"), wire.CallDenied, 403, 0},
		"404":            {wiretest.Answers(404, "dose"), wire.CallFailed, 404, 0},
		"429":            {wiretest.Answers(429, "dose", "Retry-After", "4"), wire.CallRateLimited, 429, 4 * time.Second},
		"503":            {wiretest.Answers(503, "dose", "Retry-After", "9"), wire.CallUnavailable, 503, 9 * time.Second},
		"504":            {wiretest.Answers(504, "dose"), wire.CallUnavailable, 504, 0},
		"a page":         {wiretest.Answers(200, "<html>dose"), wire.CallUnavailable, 200, 0},
		"half an answer": {wiretest.CutShort(`{"choices":[`), wire.CallUnavailable, 0, 0},
		"nothing":        {wiretest.Answers(200, "{}"), wire.CallFailed, 200, 0},
		"no words":       {wiretest.Answers(200, `{"output":[{"type":"message","content":[]}],"predictions":{}}`), wire.CallFailed, 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ask(t, caller.ServingRequest{Endpoint: "e", Question: "dose"}, c.answer)
			var e *wire.CallError
			if got != nil || !errors.As(err, &e) || e.Kind != c.kind || e.Status != c.status || e.RetryAfter != c.after {
				t.Fatalf("got %v, %+v", got, err)
			}
			if strings.Contains(err.Error(), "dose") {
				t.Errorf("the error says too much: %v", err)
			}
		})
	}
}

func TestAQuestionOutlastsTheClientAndEndsWithItsCaller(t *testing.T) {
	gone := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server sees the caller go
		select {
		case <-r.Context().Done():
			close(gone)
		case <-time.After(200 * time.Millisecond):
			wiretest.Answers(200, `{"choices":[{"message":{"content":"a"}}]}`)(w, r)
		}
	}))
	defer s.Close()
	client := s.Client()
	client.Timeout = 50 * time.Millisecond
	serving := caller.NewServing(s.URL, client)
	if _, err := serving.Ask(t.Context(), "t", caller.ServingRequest{Endpoint: "e"}); err != nil {
		t.Errorf("a slow answer: %v", err)
	}
	if client.Timeout == 0 {
		t.Error("the client of the others was changed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := serving.Ask(ctx, "t", caller.ServingRequest{Endpoint: "e"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the call was not ended")
	}
}
