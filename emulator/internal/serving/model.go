// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/vectorsearch"
)

const (
	// nearEnough is the least cosine between a question and a text that is about it.
	// Texts that have nothing in common stay below it.
	nearEnough = 0.12
	// mostSentences is how long a model's answer is at most.
	mostSentences = 3
)

var sentencePattern = regexp.MustCompile(`[^.!?\n]+(?:[.!?]+(?:\S[^.!?\n]*)?)*`)

// sentences splits a text; a point inside a word, as in 4.5, ends none.
func sentences(text string) []string {
	var out []string
	for _, s := range sentencePattern.FindAllString(text, -1) {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// answer is what a model says: the sentences of its instructions and of the
// conversation that are nearest to the question, which is the last sentence.
func (e Endpoint) answer(conversation []message) reply {
	known := sentences(e.Instructions)
	for _, m := range conversation[:len(conversation)-1] {
		known = append(known, sentences(m.text)...)
	}
	last := sentences(conversation[len(conversation)-1].text)
	if len(last) == 0 {
		return reply{text: "I do not know."}
	}
	question := last[len(last)-1]
	known = append(known, last[:len(last)-1]...)
	want := vectorsearch.Embed(question)
	type candidate struct {
		at   int
		near float64
	}
	var found []candidate
	for i, text := range known {
		if near := want.Cosine(vectorsearch.Embed(text)); near >= nearEnough && !slices.Contains(known[:i], text) {
			found = append(found, candidate{i, near})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		if a.near > b.near {
			return -1
		}
		if a.near < b.near {
			return 1
		}
		return 0
	})
	found = found[:min(len(found), mostSentences)]
	slices.SortFunc(found, func(a, b candidate) int { return a.at - b.at })
	var texts []string
	for _, c := range found {
		texts = append(texts, known[c.at])
	}
	if len(texts) == 0 {
		return reply{text: "I do not know."}
	}
	return reply{text: strings.Join(texts, " ")}
}
