// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
)

const (
	chat     = "/serving-endpoints/small-chat/invocations"
	endpoint = "/api/2.0/serving-endpoints/small-chat"
)

func TestAnAIGatewayIsCheckedAndKept(t *testing.T) {
	dir := t.TempDir()
	e := startWith(t, dir, withServing)
	owner, role, _, app := e.setup()
	owner.allow("serving-endpoints", owner.endpointID("small-chat"), app, "CAN_QUERY")
	for _, write := range [][3]string{{"PUT", "/ai-gateway", `{}`}, {"PATCH", "/tags", `{}`}} {
		if got, _ := role("model-serving").do(write[0], endpoint+write[1], write[2]); got != 403 {
			t.Errorf("%s without CAN_MANAGE: %d", write[1], got)
		}
	}
	limit := func(fields string) string { return `{"rate_limits":[{` + fields + `}]}` }
	for body, want := range map[string]int{
		limit(`"calls":1,"renewal_period":"hour"`):                                                       400,
		limit(`"calls":1,"renewal_period":"minute","key":"nobody"`):                                      400,
		limit(`"calls":1,"renewal_period":"minute","key":"service_principal"`):                           400,
		limit(`"calls":1,"renewal_period":"minute","key":"user_group"`):                                  400,
		limit(`"renewal_period":"minute"`):                                                               400,
		limit(`"calls":-1,"renewal_period":"minute"`):                                                    400,
		`{"guardrails":{"input":{"pii":{"behavior":"HIDE"}}}}`:                                           400,
		`{"guardrails":{"output":{"invalid_keywords":[" "]}}}`:                                           400,
		`{"inference_table_config":{"enabled":true,"catalog_name":"main"}}`:                              400,
		`{"inference_table_config":{"enabled":true,"catalog_name":"main","schema_name":"nowhere"}}`:      404,
		`{"fallback_config":{"enabled":true}}`:                                                           501,
		`{"guardrails":{"input":{"safety":true}}}`:                                                       501,
		`{"guardrails":{"output":{"valid_topics":["sales"]}}}`:                                           501,
		`{"guardrails":{"input":{"pii":{"behavior":"NONE"}}},"usage_tracking_config":{"enabled":false}}`: 200,
	} {
		if got, out := owner.do("PUT", endpoint+"/ai-gateway", body); got != want {
			t.Errorf("%s: %d %v, want %d", body, got, out, want)
		}
	}
	owner.must("PUT", endpoint+"/ai-gateway", limit(`"calls":5,"key":"user_group","principal":"sales","renewal_period":"minute"`))
	owner.must("PATCH", endpoint+"/tags", `{"add_tags":[{"key":"team","value":"a"},{"key":"gone"}]}`)
	owner.must("PATCH", endpoint+"/tags", `{"add_tags":[{"key":"team","value":"b"}],"delete_tags":["gone"]}`)
	if got, _ := owner.do("PATCH", endpoint+"/tags", fmt.Sprintf(`{"add_tags":[{"key":"k","value":%q}]}`, strings.Repeat("v", 256))); got != 400 {
		t.Errorf("a value that is too long: %d", got)
	}
	const want = "map[rate_limits:[map[calls:5 key:user_group principal:sales renewal_period:minute]]] [map[key:team value:b]]"
	if out := owner.must("GET", endpoint, ""); fmt.Sprint(out["ai_gateway"], out["tags"]) != want {
		t.Errorf("%v %v", out["ai_gateway"], out["tags"])
	}
}

func TestLimitsOfPrincipalsAreIndependent(t *testing.T) {
	e := startWith(t, "", withServing)
	owner, role, _, app := e.setup()
	owner.allow("serving-endpoints", owner.endpointID("small-chat"), app, "CAN_QUERY")
	ask := func(s seat) int {
		t.Helper()
		got, _ := s.do("POST", chat, messages("When are refunds paid?"))
		return got
	}
	limits := func(entries string) {
		t.Helper()
		owner.must("PUT", endpoint+"/ai-gateway", `{"rate_limits":[`+entries+`]}`)
	}
	other := role("model-serving")
	limits(fmt.Sprintf(`{"key":"service_principal","principal":%q,"calls":2,"renewal_period":"minute"}`, app))
	for i, want := range []int{200, 200, 429, 429} {
		if got := ask(other); got != want {
			t.Errorf("call %d of the limited principal: %d, want %d", i+1, got, want)
		}
	}
	if got := ask(owner); got != 200 {
		t.Errorf("another principal: %d", got)
	}
	limits(fmt.Sprintf(`{"key":"service_principal","principal":%q,"calls":3,"renewal_period":"minute"}`, app))
	if got := [2]int{ask(other), ask(other)}; got != [2]int{200, 429} {
		t.Errorf("with one more: %v", got)
	}
	limits(`{"key":"user","calls":1,"renewal_period":"minute"}`)
	if got := [4]int{ask(other), ask(other), ask(owner), ask(owner)}; got != [4]int{200, 429, 200, 429} {
		t.Errorf("each user: %v", got)
	}
	limits(`{"calls":1,"renewal_period":"minute"}`)
	if got := [2]int{ask(other), ask(owner)}; got != [2]int{200, 429} {
		t.Errorf("the endpoint: %v", got)
	}
	limits("")
	if got := ask(other); got != 200 {
		t.Errorf("without a limit: %d", got)
	}
	limits(`{"calls":0,"renewal_period":"minute"}`)
	if code, out := other.do("POST", chat, messages("When?")); code != 429 || out["error_code"] != "REQUEST_LIMIT_EXCEEDED" {
		t.Errorf("no calls at all: %d %v", code, out)
	}
}

func TestTokensAreLimited(t *testing.T) {
	e := startWith(t, "", withServing)
	owner, role, _, app := e.setup()
	owner.allow("serving-endpoints", owner.endpointID("small-chat"), app, "CAN_QUERY")
	owner.must("PUT", endpoint+"/ai-gateway", `{"rate_limits":[{"tokens":5,"key":"user","renewal_period":"minute"}]}`)
	for i, want := range []int{200, 429} {
		if got, _ := role("model-serving").do("POST", chat, messages("When are refunds paid?")); got != want {
			t.Errorf("call %d: %d, want %d", i+1, got, want)
		}
	}
	if got, _ := owner.do("POST", chat, messages("When are refunds paid?")); got != 200 {
		t.Errorf("another principal: %d", got)
	}
}

func TestGuardrailsLookAtBothSides(t *testing.T) {
	e := startWith(t, "", func(o *server.Options) {
		withServing(o)
		o.Config.Serving.Endpoints[0].Instructions = "Refunds are approved by ada@example.com or 415-555-0199. Parcels are insured by card 4111 1111 1111 1111 and not by order 4111 1111 1111 1112. The badge of Bo is 078-05-1120."
	})
	owner, _, _, _ := e.setup()
	guard := func(text string) { t.Helper(); owner.must("PUT", endpoint+"/ai-gateway", `{"guardrails":{`+text+`}}`) }
	for _, c := range []struct {
		name, guard, question string
		status                int
		says, not             string
	}{
		{"nothing", ``, "Who approves refunds?", 200, "ada@example.com", ""},
		{"a word in the input", `"input":{"invalid_keywords":["Falcon"]}`, "What about falcon?", 400, "input guardrail", "falcon"},
		{"a word in the output", `"output":{"invalid_keywords":["parcels"]}`, "What are parcels insured by?", 400, "output guardrail", ""},
		{"a word in the input alone", `"output":{"invalid_keywords":["zzz"]}`, "Who approves refunds? zzz", 200, "", ""},
		{"blocked input", `"input":{"pii":{"behavior":"BLOCK"}}`, "Is bo@example.com insured?", 400, "personal data", "bo@"},
		{"clean input", `"input":{"pii":{"behavior":"BLOCK"}}`, "Who approves refunds?", 200, "ada@example.com", ""},
		{"blocked output", `"output":{"pii":{"behavior":"BLOCK"}}`, "Who approves refunds?", 400, "personal data", "ada@"},
		{"masked output", `"output":{"pii":{"behavior":"MASK"}}`, "Who approves refunds?", 200, "<EMAIL_ADDRESS> or <PHONE_NUMBER>", "ada@"},
		{"a card and what is none", `"output":{"pii":{"behavior":"MASK"}}`, "What are parcels insured by?", 200, "<CREDIT_CARD> and not by order 4111 1111 1111 1112", ""},
		{"a social security number", `"output":{"pii":{"behavior":"MASK"}}`, "What is the badge of Bo?", 200, "<US_SSN>", "078"},
		{"not looked for", `"output":{"pii":{"behavior":"NONE"}}`, "Who approves refunds?", 200, "ada@example.com", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			guard(c.guard)
			status, out := owner.do("POST", chat, messages(c.question))
			text := fmt.Sprint(out)
			if status != c.status || !strings.Contains(text, c.says) || c.not != "" && strings.Contains(text, c.not) {
				t.Errorf("%d %s", status, text)
			}
		})
	}
}
