// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"regexp"
	"strings"
)

// personal are the kinds of personal data that are found, each with what stands in
// its place when it is masked. Other kinds need a model and are let through.
var personal = []struct {
	pattern *regexp.Regexp
	mask    string
	valid   func(string) bool
}{
	{regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+`), "<EMAIL_ADDRESS>", nil},
	{regexp.MustCompile(`\b[0-9](?:[ -]?[0-9]){12,18}\b`), "<CREDIT_CARD>", luhn},
	{regexp.MustCompile(`\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b`), "<US_SSN>", nil},
	{regexp.MustCompile(`(?:\+1[ .-]?)?(?:\([0-9]{3}\) ?|\b[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}\b`), "<PHONE_NUMBER>", nil},
}

// luhn says whether the digits of a text end with the check digit of a card.
func luhn(text string) bool {
	sum, double := 0, false
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] < '0' || text[i] > '9' {
			continue
		}
		d := int(text[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return sum%10 == 0
}

// masked is a text with placeholders for personal data.
func masked(text string) string {
	for _, p := range personal {
		text = p.pattern.ReplaceAllStringFunc(text, func(found string) string {
			if p.valid != nil && !p.valid(found) {
				return found
			}
			return p.mask
		})
	}
	return text
}

// look applies a guardrail to a text: what is left of it, or why it is refused.
func (g *guardrail) look(text string) (string, string) {
	if g == nil {
		return text, ""
	}
	lower := strings.ToLower(text)
	for _, k := range g.Keywords {
		if strings.Contains(lower, strings.ToLower(k)) {
			return "", "an invalid keyword"
		}
	}
	if g.PII == nil || g.PII.Behavior == "NONE" {
		return text, ""
	}
	out := masked(text)
	if out != text && g.PII.Behavior == "BLOCK" {
		return "", "personal data"
	}
	return out, ""
}

// lookIn applies the guardrail of the input to a conversation.
func (g *gateway) lookIn(conversation []message) ([]message, error) {
	if g == nil || g.Guardrails == nil {
		return conversation, nil
	}
	out := make([]message, len(conversation))
	for i, m := range conversation {
		text, refused := g.Guardrails.Input.look(m.text)
		if refused != "" {
			return nil, badRequest("The request was blocked by the input guardrail: it has " + refused)
		}
		out[i] = message{m.role, text}
	}
	return out, nil
}

// lookOut applies the guardrail of the output to an answer and to what sub-agents said.
func (g *gateway) lookOut(r *reply) error {
	if g == nil || g.Guardrails == nil {
		return nil
	}
	look := func(text *string) error {
		left, refused := g.Guardrails.Output.look(*text)
		if refused != "" {
			return badRequest("The response was blocked by the output guardrail: it has " + refused)
		}
		*text = left
		return nil
	}
	for i := range r.calls {
		if err := look(&r.calls[i].output); err != nil {
			return err
		}
	}
	return look(&r.text)
}
