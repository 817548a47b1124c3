// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

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

var payloadTablePattern = regexp.MustCompile(`^[a-z0-9_-]{1,255}\.[a-z0-9_-]{1,255}\.[a-z0-9_-]{1,255}$`)

func (g *gateway) logsPayloads() bool { return g != nil && g.Payloads != nil && g.Payloads.Enabled }

func (g *gateway) tracksUsage() bool { return g != nil && g.Usage != nil && g.Usage.Enabled }

// table is the full name of the table of an endpoint, whose name is the default prefix.
func (c inference) table(endpoint string) string {
	prefix := c.Prefix
	if prefix == "" {
		prefix = endpoint
	}
	return strings.ToLower(c.Catalog + "." + c.Schema + "." + prefix + "_payload")
}

// check says what is wrong with the configuration of an endpoint, or what of it the emulator refuses by name.
func (g *gateway) check(name string) error {
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
	case g.logsPayloads() && (g.Payloads.Catalog == "" || g.Payloads.Schema == ""):
		return wire.BadParameter("inference_table_config must have catalog_name and schema_name when it is enabled")
	case g.logsPayloads() && !payloadTablePattern.MatchString(g.Payloads.table(name)):
		return wire.BadParameter("inference_table_config must be made of letters, digits, hyphens and underscores")
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
