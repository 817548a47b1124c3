// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// gateway is the AI Gateway configuration of an endpoint.
type gateway struct {
	Fallback   *toggle     `json:"fallback_config,omitempty"`
	Guardrails *guardrails `json:"guardrails,omitempty"`
	Payloads   *inference  `json:"inference_table_config,omitempty"`
	Limits     []rateLimit `json:"rate_limits,omitempty"`
	Usage      *toggle     `json:"usage_tracking_config,omitempty"`
}

type toggle struct {
	Enabled bool `json:"enabled"`
}

type inference struct {
	Catalog string `json:"catalog_name,omitempty"`
	Schema  string `json:"schema_name,omitempty"`
	Prefix  string `json:"table_name_prefix,omitempty"`
	Enabled bool   `json:"enabled"`
}

type rateLimit struct {
	Calls     *int64 `json:"calls,omitempty"`
	Tokens    *int64 `json:"tokens,omitempty"`
	Key       string `json:"key,omitempty"`
	Principal string `json:"principal,omitempty"`
	Period    string `json:"renewal_period"`
}

type guardrails struct {
	Input  *guardrail `json:"input,omitempty"`
	Output *guardrail `json:"output,omitempty"`
}

type guardrail struct {
	Keywords []string `json:"invalid_keywords,omitempty"`
	PII      *struct {
		Behavior string `json:"behavior"`
	} `json:"pii,omitempty"`
	Safety bool     `json:"safety,omitempty"`
	Topics []string `json:"valid_topics,omitempty"`
}

// mostLimits and mostKeywords bound a configuration.
const (
	mostLimits   = 20
	mostKeywords = 100
)

// check says what is wrong with a configuration, or not implemented of it.
func (g gateway) check() error {
	if len(g.Limits) > mostLimits {
		return wire.BadParameter(fmt.Sprintf("rate_limits must have at most %d entries", mostLimits))
	}
	for i, l := range g.Limits {
		if err := l.check(); err != nil {
			return wire.BadParameter(fmt.Sprintf("rate_limits[%d]: %v", i, err))
		}
	}
	switch {
	case g.Fallback != nil && g.Fallback.Enabled:
		return notImplemented("the field fallback_config.enabled")
	case g.Payloads != nil && g.Payloads.Enabled && (g.Payloads.Catalog == "" || g.Payloads.Schema == ""):
		return wire.BadParameter("inference_table_config must have catalog_name and schema_name when it is enabled")
	case g.Payloads != nil && g.Payloads.Enabled:
		return notImplemented("the field inference_table_config.enabled")
	case g.Usage != nil && g.Usage.Enabled:
		return notImplemented("the field usage_tracking_config.enabled")
	case g.Guardrails == nil:
		return nil
	}
	return errors.Join(g.Guardrails.Input.check("input"), g.Guardrails.Output.check("output"))
}

func (l rateLimit) check() error {
	named := l.Key == "user_group" || l.Key == "service_principal"
	switch {
	case !slices.Contains([]string{"", "endpoint", "user", "user_group", "service_principal"}, l.Key):
		return errors.New("key must be endpoint, user, user_group or service_principal")
	case named && l.Principal == "":
		return errors.New("principal is required for the key " + l.Key)
	case (l.Key == "" || l.Key == "endpoint") && l.Principal != "":
		return errors.New("the key endpoint has no principal")
	case l.Period != "minute":
		return errors.New("renewal_period must be minute")
	case l.Calls == nil && l.Tokens == nil:
		return errors.New("calls or tokens must be set")
	case l.Calls != nil && *l.Calls < 0, l.Tokens != nil && *l.Tokens < 0:
		return errors.New("calls and tokens must not be negative")
	}
	return nil
}

func (g *guardrail) check(side string) error {
	switch {
	case g == nil:
		return nil
	case g.Safety:
		return notImplemented("the field guardrails." + side + ".safety")
	case len(g.Topics) > 0:
		return notImplemented("the field guardrails." + side + ".valid_topics")
	case g.PII != nil && !slices.Contains([]string{"BLOCK", "MASK", "NONE"}, g.PII.Behavior):
		return wire.BadParameter("guardrails." + side + ".pii.behavior must be BLOCK, MASK or NONE")
	case len(g.Keywords) > mostKeywords || slices.ContainsFunc(g.Keywords, func(k string) bool { return strings.TrimSpace(k) == "" }):
		return wire.BadParameter(fmt.Sprintf("guardrails.%s.invalid_keywords must be at most %d words, none of them empty", side, mostKeywords))
	}
	return nil
}

// kept is what is kept of an endpoint beside its declaration.
type kept struct {
	Gateway *gateway          `json:"gateway,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
}

// gateways are the configurations and tags of endpoints, by id, and what was asked of them.
type gateways struct {
	mu   sync.Mutex
	file string
	kept map[string]kept
	hits map[string][]hit
	now  func() time.Time
}

func openGateways(dir string) (*gateways, error) {
	g := &gateways{kept: map[string]kept{}, hits: map[string][]hit{}, now: time.Now}
	if dir == "" {
		return g, nil
	}
	g.file = filepath.Join(dir, "serving-gateways.json")
	raw, err := os.ReadFile(g.file)
	if errors.Is(err, os.ErrNotExist) {
		return g, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &g.kept)
	}
	if err != nil {
		return nil, fmt.Errorf("read the AI Gateways: %w", err)
	}
	return g, nil
}

func (g *gateways) get(id string) kept {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.kept[id]
}

// change changes what is kept of an endpoint, and keeps it over a restart.
func (g *gateways) change(id string, change func(k *kept) error) (kept, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.kept[id]
	tags := map[string]string{}
	for key, v := range k.Tags {
		tags[key] = v
	}
	k.Tags = tags
	if err := change(&k); err != nil {
		return kept{}, err
	}
	g.kept[id] = k
	if g.file == "" {
		return k, nil
	}
	raw, err := json.MarshalIndent(g.kept, "", " ")
	if err == nil {
		err = os.WriteFile(g.file+".tmp", raw, 0o600)
	}
	if err == nil {
		err = os.Rename(g.file+".tmp", g.file)
	}
	return k, err
}

// managed is the endpoint of a request whose caller may manage it.
func (s *Service) managed(r *wire.Request) (Endpoint, error) {
	e, err := s.find(r.PathValue("name"))
	if err != nil {
		return e, err
	}
	if s.level(r.Caller.Principal(), e.Name) != "CAN_MANAGE" {
		return e, wire.Denied("You do not have permission to manage the serving endpoint '" + e.Name + "'.")
	}
	return e, nil
}

func (s *Service) putGateway(_ context.Context, r *wire.Request) (any, error) {
	e, err := s.managed(r)
	if err != nil {
		return nil, err
	}
	var in gateway
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	_, err = s.gateways.change(EndpointID(e.Name), func(k *kept) error { k.Gateway = &in; return nil })
	return in, err
}

// mostTags, longestKey and longestValue bound tags.
const (
	mostTags     = 20
	longestKey   = 127
	longestValue = 255
)

func (s *Service) patchTags(_ context.Context, r *wire.Request) (any, error) {
	e, err := s.managed(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		Add []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"add_tags"`
		Delete []string `json:"delete_tags"`
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	k, err := s.gateways.change(EndpointID(e.Name), func(k *kept) error {
		for _, key := range in.Delete {
			delete(k.Tags, key)
		}
		for _, t := range in.Add {
			if t.Key == "" || len(t.Key) > longestKey || len(t.Value) > longestValue {
				return wire.BadParameter(fmt.Sprintf("the key of a tag must have 1 to %d characters, its value at most %d", longestKey, longestValue))
			}
			k.Tags[t.Key] = t.Value
		}
		if len(k.Tags) > mostTags {
			return wire.BadParameter(fmt.Sprintf("an endpoint has at most %d tags", mostTags))
		}
		return nil
	})
	return map[string]any{"tags": k.tags()}, err
}

// tags are in order.
func (k kept) tags() []any {
	keys := []string{}
	for key := range k.Tags {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	out := []any{}
	for _, key := range keys {
		out = append(out, map[string]string{"key": key, "value": k.Tags[key]})
	}
	return out
}
