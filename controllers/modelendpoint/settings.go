// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

// Names of settings. Those of rate limits and guardrails have more parts.
const (
	usageTracking  = "usage_tracking_config"
	inferenceTable = "inference_table_config"
	rateLimits     = "rate_limits"
	guardrails     = "guardrails"
)

// settings are the parts of a configuration by name, each as the JSON of its value.
// A setting that is as it would be without being set is not among them.
type settings map[string]string

// text is a value as JSON; what it is made of always encodes.
func text(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

// asItIs is the value that a setting has when it is not set.
func asItIs(name string) string {
	switch {
	case name == usageTracking, strings.HasSuffix(name, "/safety"):
		return "false"
	case strings.HasSuffix(name, "/pii"):
		return `"NONE"`
	}
	return ""
}

// same says whether a setting has a value.
func (s settings) same(name, value string) bool {
	have, ok := s[name]
	return ok && have == value || !ok && value == asItIs(name)
}

// limit is the value of a rate limit.
type limit struct {
	Calls  int64 `json:"calls,omitempty"`
	Tokens int64 `json:"tokens,omitempty"`
}

// table is the value of payload logging.
type table struct {
	Catalog string `json:"catalog_name"`
	Schema  string `json:"schema_name"`
	Prefix  string `json:"table_name_prefix"`
}

// declared are the settings of a spec, without those of roles.
func declared(s v1alpha1.ModelEndpointSpec) settings {
	out := settings{}
	for _, l := range s.RateLimits {
		value := text(limit{l.CallsPerMinute, l.TokensPerMinute})
		switch {
		case l.Group != "":
			out[limitName("user_group", string(l.Group))] = value
		case l.EveryUser != nil:
			out[limitName("user", "")] = value
		case l.Endpoint != nil:
			out[limitName("endpoint", "")] = value
		}
	}
	if s.UsageTracking != "" {
		out[usageTracking] = text(s.UsageTracking == v1alpha1.UsageTrackingEnabled)
	}
	if p := s.PayloadLogging; p != nil {
		out[inferenceTable] = text(table{string(p.Catalog), string(p.Schema), string(p.TablePrefix)})
	}
	if g := s.Guardrails; g != nil {
		out.guardrail("input", g.Input)
		out.guardrail("output", g.Output)
	}
	return out
}

func (s settings) guardrail(side string, g *v1alpha1.Guardrail) {
	if g == nil {
		return
	}
	at := guardrails + "/" + side + "/"
	if g.PII != "" {
		s[at+"pii"] = text(strings.ToUpper(string(g.PII)))
	}
	if g.Safety != "" {
		s[at+"safety"] = text(g.Safety == v1alpha1.SafetyEnabled)
	}
	for field, list := range map[string][]v1alpha1.GuardrailText{"invalid_keywords": g.InvalidKeywords, "valid_topics": g.ValidTopics} {
		if len(list) > 0 {
			list = slices.Clone(list)
			slices.Sort(list)
			s[at+field] = text(list)
		}
	}
}

func limitName(key, principal string) string {
	if principal == "" {
		return rateLimits + "/" + key
	}
	return rateLimits + "/" + key + "/" + principal
}

// read takes a configuration apart.
func read(g admin.Gateway) settings {
	out := settings{}
	limits, _ := g[rateLimits].([]any)
	found := map[string][]map[string]any{}
	for _, l := range limits {
		if entry, ok := l.(map[string]any); ok {
			found[limited(entry)] = append(found[limited(entry)], entry)
		}
	}
	for name, entries := range found {
		out[name] = limitOf(entries)
	}
	if c, ok := g[usageTracking].(map[string]any); ok && c["enabled"] == true {
		out[usageTracking] = "true"
	}
	if c, ok := g[inferenceTable].(map[string]any); ok && c["enabled"] == true {
		word := func(key string) string { s, _ := c[key].(string); return s }
		out[inferenceTable] = text(table{word("catalog_name"), word("schema_name"), word("table_name_prefix")})
	}
	sides, _ := g[guardrails].(map[string]any)
	for _, side := range []string{"input", "output"} {
		fields, _ := sides[side].(map[string]any)
		at := guardrails + "/" + side + "/"
		if pii, ok := fields["pii"].(map[string]any); ok && pii["behavior"] != nil && pii["behavior"] != "NONE" {
			out[at+"pii"] = text(pii["behavior"])
		}
		if fields["safety"] == true {
			out[at+"safety"] = "true"
		}
		for _, field := range []string{"invalid_keywords", "valid_topics"} {
			if list, ok := fields[field].([]any); ok && len(list) > 0 {
				list = slices.Clone(list)
				slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
				out[at+field] = text(list)
			}
		}
	}
	return out
}

// limited is the name of the setting that an entry of the rate limits belongs to.
func limited(entry map[string]any) string {
	key, _ := entry["key"].(string)
	if key == "" {
		key = "endpoint" // the API's default
	}
	principal, _ := entry["principal"].(string)
	return limitName(key, principal)
}

// limitOf is the value of the entries about one subject: what one entry of ours would
// say, or else all of them as they are.
func limitOf(entries []map[string]any) string {
	one := limit{}
	for _, e := range entries {
		if e["renewal_period"] != nil && e["renewal_period"] != "minute" {
			return text(entries)
		}
		for field, to := range map[string]*int64{"calls": &one.Calls, "tokens": &one.Tokens} {
			n, ok := e[field].(json.Number)
			if !ok {
				continue
			}
			v, err := n.Int64()
			if err != nil || v < 1 || *to != 0 {
				return text(entries)
			}
			*to = v
		}
	}
	return text(one)
}

// changed puts settings into a configuration and takes others out of it. All else
// stays as it is, and so does the configuration when there is nothing to do.
func changed(g admin.Gateway, set settings, gone []string) admin.Gateway {
	have, out := read(g), g.Clone()
	for _, name := range slices.Sorted(maps.Keys(set)) { // in one order, so that two writes of the same are the same
		if !have.same(name, set[name]) {
			write(out, name, set[name])
		}
	}
	for _, name := range gone {
		if _, ok := have[name]; ok {
			write(out, name, "")
		}
	}
	if reflect.DeepEqual(out, g) {
		return g
	}
	return out
}

// write puts one setting in, or takes it out when the value is empty.
func write(g admin.Gateway, name, value string) {
	parts := strings.SplitN(name, "/", 3)
	switch parts[0] {
	case usageTracking:
		put(g, usageTracking, value, func() any { return map[string]any{"enabled": value == "true"} })
	case inferenceTable:
		put(g, inferenceTable, value, func() any {
			c := decoded(value)
			c["enabled"] = true
			return c
		})
	case rateLimits:
		writeLimit(g, name, parts, value)
	case guardrails:
		side, field := parts[1], parts[2]
		sides := child(g, guardrails)
		fields := child(sides, side)
		put(fields, field, value, func() any {
			var v any
			_ = json.Unmarshal([]byte(value), &v) // our own JSON
			if field == "pii" {
				return map[string]any{"behavior": v}
			}
			return v
		})
		prune(sides, side)
		prune(g, guardrails)
	}
}

func writeLimit(g admin.Gateway, name string, parts []string, value string) {
	list, _ := g[rateLimits].([]any)
	var entry map[string]any
	if value != "" {
		entry = decoded(value)
		entry["key"], entry["renewal_period"] = parts[1], "minute"
		if len(parts) == 3 {
			entry["principal"] = parts[2]
		}
	}
	out := []any{}
	for _, l := range list {
		if old, ok := l.(map[string]any); ok && limited(old) == name {
			continue
		}
		out = append(out, l)
	}
	if entry != nil {
		out = append(out, entry)
	}
	g[rateLimits] = out
	if len(out) == 0 {
		delete(g, rateLimits)
	}
}

// decoded is a value of ours as it goes into a configuration, numbers as they are read.
func decoded(value string) map[string]any {
	out := map[string]any{}
	d := json.NewDecoder(strings.NewReader(value))
	d.UseNumber()
	_ = d.Decode(&out) // our own JSON
	return out
}

func put(in map[string]any, key, value string, v func() any) {
	if value == "" {
		delete(in, key)
		return
	}
	in[key] = v()
}

func child(in map[string]any, key string) map[string]any {
	c, ok := in[key].(map[string]any)
	if !ok {
		c = map[string]any{}
		in[key] = c
	}
	return c
}

// prune takes an object out that holds nothing.
func prune(in map[string]any, key string) {
	if c, ok := in[key].(map[string]any); ok && len(c) == 0 {
		delete(in, key)
	}
}
