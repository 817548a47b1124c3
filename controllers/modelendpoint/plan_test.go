// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

const ours = "test/modelendpoint/sales/e"

func record(names ...string) []v1alpha1.AppliedSetting {
	var out []v1alpha1.AppliedSetting
	for _, n := range names {
		out = append(out, v1alpha1.AppliedSetting{Name: n})
	}
	return out
}

func TestPlan(t *testing.T) {
	const (
		west  = "rate_limits/service_principal/app"
		all   = "rate_limits/endpoint"
		pii   = "guardrails/input/pii"
		words = "guardrails/input/invalid_keywords"
		limit = `{"calls":5}`
		moved = `{"catalog_name":"m","schema_name":"s","table_name_prefix":"%"}`
	)
	at := func(prefix string) string { return strings.Replace(moved, "%", prefix, 1) }
	gone := errors.New("the Role east is gone")
	for name, c := range map[string]struct {
		want, have state
		plan       string
		class      fault.Class
		says       string
		hides      string
	}{
		"the mark goes first, and all settings in one": {
			want: state{Settings: settings{west: limit, pii: `"MASK"`}}, have: state{Settings: settings{all: `{"calls":9}`}},
			plan: `Create the mark of the serving endpoint e (tag gatehouse: "" -> "test/modelendpoint/sales/e"); Update the AI Gateway of the serving endpoint e (guardrails/input/pii: "" -> "MASK", rate_limits/service_principal/app: "" -> "{calls:5}")`,
		},
		"what is there is not written":        {want: state{Settings: settings{west: limit}}, have: state{Mark: ours, Settings: settings{west: limit}}},
		"what is off need not be turned off":  {want: state{Settings: settings{pii: `"NONE"`, "usage_tracking_config": "false"}}, have: state{Mark: ours}},
		"another principal's service is one":  {want: state{Settings: settings{"rate_limits/service_principal/new": limit}}, have: state{Mark: ours, Settings: settings{west: limit}, Recorded: record(west)}, plan: `Update the AI Gateway of the serving endpoint e (rate_limits/service_principal/new: "" -> "{calls:5}", rate_limits/service_principal/app: "{calls:5}" -> "")`},
		"what is not ours does not go":        {want: state{Settings: settings{west: limit}}, have: state{Mark: ours, Settings: settings{west: limit, all: limit}, Recorded: record(west)}},
		"a Role that waits keeps what it has": {want: state{Waiting: map[string]bool{"west": true}, Unfinished: fault.Waiting(v1alpha1.ReasonRoleNotReady, gone)}, have: state{Mark: ours, Settings: settings{west: limit}, Recorded: []v1alpha1.AppliedSetting{{Name: west, Role: "west"}}}, class: fault.ClassWaiting},
		"a Role that is gone loses its limit": {want: state{Unfinished: fault.Waiting(v1alpha1.ReasonRoleNotFound, gone)}, have: state{Mark: ours, Settings: settings{west: limit}, Recorded: []v1alpha1.AppliedSetting{{Name: west, Role: "west"}}}, plan: `Update the AI Gateway of the serving endpoint e (rate_limits/service_principal/app: "{calls:5}" -> "")`},
		"what is missing is said at the end":  {want: state{Unfinished: fault.Waiting(v1alpha1.ReasonRoleNotFound, gone)}, have: state{Mark: ours}, class: fault.ClassWaiting, says: "east"},
		"another's mark":                      {want: state{Settings: settings{west: limit}, Adopt: true}, have: state{Mark: "other/modelendpoint/a/b"}, class: fault.ClassConflict, says: "other/modelendpoint/a/b"},
		"an older one":                        {want: state{Settings: settings{west: limit}, Rival: fault.Conflict("Conflict", errors.New("sales/d is older"))}, class: fault.ClassConflict, says: "sales/d"},
		"an older one without the mark":       {want: state{Settings: settings{west: limit}, Rival: errors.New("older")}, have: state{Mark: ours}, plan: `Update the AI Gateway of the serving endpoint e (rate_limits/service_principal/app: "" -> "{calls:5}")`},
		"a mark of one that is gone":          {want: state{Settings: settings{west: limit}}, have: state{Mark: "test/modelendpoint/sales/x", Stale: true, Settings: settings{west: `{"calls":1}`}}, class: fault.ClassConflict, says: "Adopt"},
		"configured by others":                {want: state{Settings: settings{west: limit, words: `["secret"]`}}, have: state{Settings: settings{west: `{"calls":1}`}}, class: fault.ClassConflict, says: `rate_limits/service_principal/app: "{calls:1}" -> "{calls:5}"`},
		"the same configured by others":       {want: state{Settings: settings{west: limit}}, have: state{Settings: settings{west: limit}}, class: fault.ClassConflict, says: "without a mark of ours"},
		"adopted":                             {want: state{Settings: settings{west: limit}, Adopt: true}, have: state{Settings: settings{west: limit}}, plan: `Create the mark of the serving endpoint e (tag gatehouse: "" -> "test/modelendpoint/sales/e")`},
		"the tag was lost":                    {want: state{Settings: settings{west: limit}}, have: state{Settings: settings{west: limit}, Recorded: record(west)}, plan: `Create the mark of the serving endpoint e (tag gatehouse: "" -> "test/modelendpoint/sales/e")`},
		"busy":                                {want: state{Settings: settings{west: limit}}, have: state{Mark: ours, Busy: true}, class: fault.ClassProgressing},
		"busy with nothing to do":             {want: state{Settings: settings{west: limit}}, have: state{Mark: ours, Busy: true, Settings: settings{west: limit}}},
		"missing":                             {want: state{Settings: settings{west: limit}}, have: state{Missing: true}, class: fault.ClassWaiting, says: "does not exist"},
		"payload logging is moved while off":  {want: state{Settings: settings{"inference_table_config": at("b")}}, have: state{Mark: ours, Settings: settings{"inference_table_config": at("a")}, Recorded: record("inference_table_config")}, plan: `Update the AI Gateway of the serving endpoint e (inference_table_config: "{catalog_name:m,schema_name:s,table_name_prefix:a}" -> "off, to be moved"); Update the AI Gateway of the serving endpoint e (inference_table_config: "{catalog_name:m,schema_name:s,table_name_prefix:a}" -> "{catalog_name:m,schema_name:s,table_name_prefix:b}")`},
		"payload logging is turned on last": {
			want: state{Settings: settings{"inference_table_config": at("b"), west: limit}}, have: state{Mark: ours, Settings: settings{pii: `"MASK"`}, Recorded: record(pii)},
			plan: `Update the AI Gateway of the serving endpoint e (rate_limits/service_principal/app: "" -> "{calls:5}", guardrails/input/pii: "MASK" -> ""); Update the AI Gateway of the serving endpoint e (inference_table_config: "" -> "{catalog_name:m,schema_name:s,table_name_prefix:b}")`,
		},
		"words are not shown": {want: state{Settings: settings{words: `["falcon"]`}}, have: state{Mark: ours}, hides: "falcon"},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Endpoint, c.want.Mark, c.have.Endpoint, c.have.Ours = "e", ours, "e", ours
			plan, err := planned(c.want, c.have)
			got := plan.String()
			if c.hides != "" {
				if !strings.Contains(got, "1 of them") || strings.Contains(got, c.hides) {
					t.Errorf("the plan is %s", got)
				}
				return
			}
			if got != c.plan {
				t.Errorf("the plan is\n%s\nwant\n%s", got, c.plan)
			}
			if c.class != "" && !fault.Is(err, c.class) || c.class == "" && err != nil || c.says != "" && !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error is %v, want %s with %q", err, c.class, c.says)
			}
		})
	}
}

func TestRemoving(t *testing.T) {
	for name, c := range map[string]struct {
		have state
		want string
	}{
		"nothing":          {},
		"what is recorded": {state{Mark: ours, Settings: settings{"rate_limits/user": `{"calls":1}`, "rate_limits/endpoint": `{"calls":2}`}, Recorded: record("rate_limits/user")}, `Delete the AI Gateway of the serving endpoint e (rate_limits/user: "{calls:1}" -> ""); Delete the mark of the serving endpoint e`},
		"the mark alone":   {state{Mark: ours, Settings: settings{"rate_limits/user": `{"calls":1}`}}, "Delete the mark of the serving endpoint e"},
		"not another's":    {state{Mark: "x", Settings: settings{"rate_limits/user": `{"calls":1}`}, Recorded: record("rate_limits/user")}, ""},
		"not what is gone": {state{Missing: true, Recorded: record("rate_limits/user")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.have.Endpoint, c.have.Ours = "e", ours
			plan, err := planned(state{}, c.have)
			if err != nil || plan.String() != c.want {
				t.Errorf("the plan is %q, %v; want %q", plan, err, c.want)
			}
		})
	}
}

func gatewayOf(t *testing.T, text string) admin.Gateway {
	t.Helper()
	out := admin.Gateway{}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatIsNotManagedStays(t *testing.T) {
	have := `{"fallback_config":{"enabled":true},"new_field":{"n":12345678901234567890},"guardrails":{"input":{"safety":true}},` +
		`"rate_limits":[{"calls":0,"key":"user_group","principal":"g","renewal_period":"minute"},{"calls":3,"renewal_period":"minute"},{"calls":1,"key":"service_principal","principal":"app","renewal_period":"minute"}]}`
	set := settings{"rate_limits/service_principal/app": `{"calls":5,"tokens":7}`, "guardrails/input/pii": `"MASK"`, "usage_tracking_config": "false", "guardrails/output/safety": "false"}
	want := gatewayOf(t, `{"fallback_config":{"enabled":true},"new_field":{"n":12345678901234567890},"guardrails":{"input":{"safety":true,"pii":{"behavior":"MASK"}}},`+
		`"rate_limits":[{"calls":0,"key":"user_group","principal":"g","renewal_period":"minute"},{"calls":3,"renewal_period":"minute"},{"calls":5,"tokens":7,"key":"service_principal","principal":"app","renewal_period":"minute"}]}`)
	got := changed(gatewayOf(t, have), set, nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(got, changed(got.Clone(), set, nil)); diff != "" {
		t.Error("twice is not once:", diff)
	}
	back := changed(got, nil, []string{"rate_limits/service_principal/app", "guardrails/input/pii", "rate_limits/user"})
	if diff := cmp.Diff(gatewayOf(t, strings.Replace(have, `,{"calls":1,"key":"service_principal","principal":"app","renewal_period":"minute"}`, "", 1)), back); diff != "" {
		t.Error("removed:", diff)
	}
	if empty := changed(gatewayOf(t, `{"guardrails":{"input":{"pii":{"behavior":"BLOCK"}}},"rate_limits":[{"calls":3,"renewal_period":"minute"}]}`), nil, []string{"guardrails/input/pii", "rate_limits/endpoint"}); len(empty) != 0 {
		t.Errorf("left: %v", empty)
	}
}

func TestReadAndDeclared(t *testing.T) {
	spec := v1alpha1.ModelEndpointSpec{
		RateLimits: []v1alpha1.EndpointRateLimit{
			{Group: "g", CallsPerMinute: 1}, {EveryUser: &v1alpha1.EveryUser{}, TokensPerMinute: 2}, {Endpoint: &v1alpha1.WholeEndpoint{}, CallsPerMinute: 3, TokensPerMinute: 4},
		},
		UsageTracking: v1alpha1.UsageTrackingEnabled, PayloadLogging: &v1alpha1.PayloadLogging{Catalog: "c", Schema: "s", TablePrefix: "p"},
		Guardrails: &v1alpha1.EndpointGuardrails{
			Input:  &v1alpha1.Guardrail{PII: v1alpha1.PIIBlock, InvalidKeywords: []v1alpha1.GuardrailText{"b", "a"}, ValidTopics: []v1alpha1.GuardrailText{"t"}},
			Output: &v1alpha1.Guardrail{Safety: v1alpha1.SafetyEnabled},
		},
	}
	want := declared(spec)
	if len(want) != 9 {
		t.Errorf("declared %v", want)
	}
	written := changed(admin.Gateway{}, want, nil)
	raw, err := json.Marshal(written)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, read(gatewayOf(t, string(raw)))); diff != "" {
		t.Error(diff)
	}
	for name, list := range map[string]string{
		"two entries of one subject are one": `[{"calls":3,"renewal_period":"minute"},{"tokens":4,"key":"endpoint","renewal_period":"minute"}]`,
	} {
		if got := read(gatewayOf(t, `{"rate_limits":`+list+`}`)); got["rate_limits/endpoint"] != `{"calls":3,"tokens":4}` {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, odd := range []string{`[{"calls":0,"renewal_period":"minute"}]`, `[{"calls":3,"renewal_period":"hour"}]`, `[{"calls":3,"renewal_period":"minute"},{"calls":3,"renewal_period":"minute"}]`} {
		if read(gatewayOf(t, `{"rate_limits":`+odd+`}`)).same("rate_limits/endpoint", `{"calls":3}`) {
			t.Errorf("%s passes for three calls a minute", odd)
		}
	}
}

func TestMarksFitIntoATag(t *testing.T) {
	long := strings.Repeat("n", 253)
	a, b := mark("test", "sales", long), mark("test", "sales", long[:252]+"m")
	if len(a) > 255 || len(b) > 255 || a == b || mark("test", "sales", "e") != ours {
		t.Errorf("%q, %q", a, b)
	}
}
