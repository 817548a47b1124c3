// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"slices"
	"strconv"
	"testing"
)

func TestSentences(t *testing.T) {
	got := sentences("Growth was 4.5 percent. Why? See v1.2!\nNext line")
	if want := []string{"Growth was 4.5 percent.", "Why?", "See v1.2!", "Next line"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAModelAnswersFromWhatItWasGiven(t *testing.T) {
	e := Endpoint{Name: "m", Instructions: "Refunds are paid within 30 days. The canteen opens at noon."}
	for name, c := range map[string]struct {
		conversation []message
		want         string
	}{
		"from its instructions": {[]message{{"user", "When are refunds paid?"}}, "Refunds are paid within 30 days."},
		"from the conversation": {
			[]message{{"system", "Parcels leave on Friday."}, {"user", "Hello."}, {"user", "When do parcels leave?"}}, "Parcels leave on Friday.",
		},
		"from before the question": {[]message{{"user", "Ada wrote the compiler. Who wrote the compiler?"}}, "Ada wrote the compiler."},
		"not from nothing":         {[]message{{"user", "Zyxwv qponm?"}}, "I do not know."},
		"not from a mark":          {[]message{{"user", "?"}}, "I do not know."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := e.answer(c.conversation).text; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestQuestionsReachTheAgentsThatTheyAreFor(t *testing.T) {
	agents := []Agent{
		{Name: "sales_numbers", Description: "Revenue and margin of deals by region"},
		{Name: "handbook", Description: "Policies for employees: leave, refunds, travel"},
		{Name: "weather", Description: "Forecast of rain and sun"},
	}
	for question, want := range map[string][]string{
		"What is the revenue of each region?":                   {"sales_numbers"},
		"What is our travel policy?":                            {"handbook"},
		"Will rain hit revenue, and what does the handbook say": {"handbook", "sales_numbers", "weather"},
		"Zyxwv qponm": nil,
	} {
		var got []string
		for _, a := range route(agents, question) {
			got = append(got, a.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q reaches %v, want %v", question, got, want)
		}
	}
	var many []Agent
	for i := range MostAgents {
		many = append(many, Agent{Name: "sales" + strconv.Itoa(i), Description: "sales"})
	}
	if got := len(route(many, "sales")); got != mostConsulted {
		t.Errorf("one question reaches %d agents", got)
	}
}
