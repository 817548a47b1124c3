// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestMost(t *testing.T) {
	for replicas, want := range map[int32]int64{0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 7, 8: 10, 9: 12, 100: 125} {
		if got := most(&v1alpha1.MCPServer{Spec: v1alpha1.MCPServerSpec{Replicas: &replicas}}); got != want {
			t.Errorf("%d replicas are at most %d pods, want %d", replicas, got, want)
		}
	}
	if got := most(&v1alpha1.MCPServer{}); got != 3 {
		t.Errorf("the default is at most %d pods, want 3", got)
	}
}

func TestShare(t *testing.T) {
	for name, c := range map[string]struct {
		declared  int32
		parts, of int64
		want      *Rate
	}{
		"nothing declared is no limit":             {0, 1, 3, nil},
		"all of it":                                {60, 1, 1, &Rate{60, 60_000, 60}},
		"a third":                                  {60, 1, 3, &Rate{20, 60_000, 60}},
		"what is left over is nobody's":            {62, 1, 3, &Rate{20, 60_000, 62}},
		"two parts of three":                       {5, 2, 3, &Rate{3, 60_000, 5}},
		"exactly one":                              {3, 1, 3, &Rate{1, 60_000, 3}},
		"less than one is one in a longer window":  {1, 1, 3, &Rate{1, 180_000, 1}},
		"a window that is no whole number goes up": {5, 1, 9, &Rate{1, 108_000, 5}},
		"rounded up to the millisecond":            {7, 1, 11, &Rate{1, 94_286, 7}},
		"several parts that are less than one":     {2, 3, 10, &Rate{1, 100_000, 2}},
		"much of much":                             {100_000, 125, 1250, &Rate{10_000, 60_000, 100_000}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, share(c.declared, c.parts, c.of)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// asking is a server of the estate's namespace that serves a genie tool.
func asking(name string, replicas int32, store string) v1alpha1.MCPServer {
	s := v1alpha1.MCPServer{ObjectMeta: meta("sales", name), Spec: v1alpha1.MCPServerSpec{
		WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, Replicas: &replicas, ToolRefs: refs("ask"),
	}}
	if store != "" {
		s.Spec.RateLimitStore = &v1alpha1.RateLimitStore{Address: store}
	}
	return s
}

var askTool = v1alpha1.Tool{ObjectMeta: meta("sales", "ask"), Spec: v1alpha1.ToolSpec{
	ToolName: "ask", Description: "Asks.", Genie: &v1alpha1.GenieTool{SpaceID: "space1"},
}}

func TestGenieIsSharedByAllThatAskIt(t *testing.T) {
	elsewhere, removed, silent := asking("elsewhere", 2, ""), asking("removed", 2, ""), asking("silent", 2, "")
	elsewhere.Spec.WorkspaceRef.Name = "other"
	gone(&removed)
	silent.Spec.ToolRefs = nil
	for name, c := range map[string]struct {
		server   v1alpha1.MCPServer
		others   []v1alpha1.MCPServer
		declared int32
		want     *Rate
	}{
		"a server that serves no genie tool has no share":             {silent, []v1alpha1.MCPServer{asking("b", 1, "")}, 60, nil},
		"alone, each of at most three pods has a third":               {asking("a", 2, ""), nil, 60, &Rate{20, 60_000, 60}},
		"what Databricks takes when nothing is declared":              {asking("a", 2, ""), nil, 0, &Rate{1, 60_000, 5}},
		"a server without replicas counts as one pod":                 {asking("a", 0, ""), nil, 60, &Rate{60, 60_000, 60}},
		"the pods of two servers":                                     {asking("a", 2, ""), []v1alpha1.MCPServer{asking("b", 2, "")}, 60, &Rate{10, 60_000, 60}},
		"less than one for each":                                      {asking("a", 8, ""), nil, 0, &Rate{1, 120_000, 5}},
		"another workspace, a removed server and one that never asks": {asking("a", 2, ""), []v1alpha1.MCPServer{elsewhere, removed, silent}, 60, &Rate{20, 60_000, 60}},
		"with a store the pods of a server count together":            {asking("a", 2, "redis:6379"), nil, 60, &Rate{60, 60_000, 60}},
		"and so do all servers that count there":                      {asking("a", 2, "redis:6379"), []v1alpha1.MCPServer{asking("b", 2, "redis:6379")}, 60, &Rate{60, 60_000, 60}},
		"beside servers that do not":                                  {asking("a", 2, "redis:6379"), []v1alpha1.MCPServer{asking("b", 2, "redis:6379"), asking("c", 2, "")}, 60, &Rate{40, 60_000, 60}},
		"and those have a part for each pod":                          {asking("c", 2, ""), []v1alpha1.MCPServer{asking("a", 2, "redis:6379"), asking("b", 2, "redis:6379")}, 60, &Rate{6, 60_000, 60}},
		"another store is another count":                              {asking("a", 2, "redis:6379"), []v1alpha1.MCPServer{asking("b", 2, "other:6379")}, 60, &Rate{30, 60_000, 60}},
	} {
		t.Run(name, func(t *testing.T) {
			e := Estate{Types: TypesForTests, Tools: []v1alpha1.Tool{askTool}, Servers: append([]v1alpha1.MCPServer{c.server}, c.others...)}
			w := &v1alpha1.Workspace{Spec: v1alpha1.WorkspaceSpec{GenieQuestionsPerMinute: c.declared}}
			if diff := cmp.Diff(c.want, e.compileLimits(&e.Servers[0], w).Genie); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPodsTogetherStayWithinWhatIsDeclared adds up what all pods of small random
// estates may do. On average it is never more than declared, and in no minute when
// each has at least one call in it.
func TestPodsTogetherStayWithinWhatIsDeclared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Estate{Types: TypesForTests, Tools: []v1alpha1.Tool{askTool}}
		for i := range rapid.IntRange(1, 6).Draw(t, "servers") {
			store := rapid.SampledFrom([]string{"", "", "redis:6379", "other:6379"}).Draw(t, "store")
			e.Servers = append(e.Servers, asking(fmt.Sprint("s", i), rapid.Int32Range(0, 20).Draw(t, "replicas"), store))
		}
		declared := rapid.Int32Range(1, 400).Draw(t, "declared")
		w := &v1alpha1.Workspace{Spec: v1alpha1.WorkspaceSpec{GenieQuestionsPerMinute: declared}}
		genie, counted := sum{}, map[string]bool{}
		for i := range e.Servers {
			s := &e.Servers[i]
			s.Spec.Limits.CallsPerMinutePerCaller = declared
			l, own := e.compileLimits(s, w), sum{}
			pods := most(s)
			if s.Spec.RateLimitStore != nil {
				pods = 1 // they count as one
			}
			if own.add(l.PerCaller, pods); !own.within(declared) {
				t.Fatalf("one caller of %s with %d pods: %+v of %d in a minute", s.Name, pods, own, declared)
			}
			count := s.Name
			if r := s.Spec.RateLimitStore; r != nil {
				count = r.Address // where several servers count together
			}
			if !counted[count] {
				genie.add(l.Genie, pods)
			}
			counted[count] = true
		}
		if !genie.within(declared) {
			t.Fatalf("questions to Genie: %+v of %d in a minute", genie, declared)
		}
	})
}

// sum is what pods may do together: on average, and at most in one minute when none
// of them counts in a longer window.
type sum struct {
	average float64
	burst   int64
	longer  bool
}

func (s *sum) add(r *Rate, pods int64) {
	s.average += float64(pods) * float64(r.Max) * float64(minute) / float64(r.WindowMillis)
	s.burst += pods * int64(r.Max)
	s.longer = s.longer || r.WindowMillis > minute
}

func (s *sum) within(declared int32) bool {
	return s.average <= float64(declared)+1e-9 && (s.longer || s.burst <= int64(declared))
}

func TestThinNamesWhatIsLessThanOneCallInAMinute(t *testing.T) {
	enough, thin := share(60, 1, 3), share(2, 1, 3)
	for name, c := range map[string]struct {
		document Document
		want     []string
	}{
		"no limits":     {Document{}, nil},
		"enough of all": {Document{Limits: Limits{Genie: enough, PerCaller: enough}, Tools: []Tool{{Name: "ask", Limits: &ToolLimits{All: enough}}}}, nil},
		"too little": {
			Document{Limits: Limits{Genie: thin, PerCaller: thin}, Tools: []Tool{{Name: "look"}, {Name: "ask", Limits: &ToolLimits{All: thin, PerCaller: thin}}}},
			[]string{
				"questions to Genie (2 in a minute for all pods, one in 90 s for each)", "calls of one caller (2 in a minute for all pods, one in 90 s for each)",
				"calls of ask (2 in a minute for all pods, one in 90 s for each)", "calls of ask by one caller (2 in a minute for all pods, one in 90 s for each)",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.document.Thin()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLimitsOfATool(t *testing.T) {
	tool := askTool
	server := asking("a", 2, "")
	var e Estate
	if got := e.compileToolLimits(&server, &tool); got != nil {
		t.Errorf("a tool without limits has %+v", got)
	}
	tool.Spec.Limits = v1alpha1.ToolLimits{CallsPerMinute: 30, CallsPerMinutePerCaller: 2}
	want := &ToolLimits{All: &Rate{10, 60_000, 30}, PerCaller: &Rate{1, 90_000, 2}}
	if diff := cmp.Diff(want, e.compileToolLimits(&server, &tool)); diff != "" {
		t.Error(diff)
	}
	server = asking("a", 2, "redis:6379")
	want = &ToolLimits{All: &Rate{30, 60_000, 30}, PerCaller: &Rate{2, 60_000, 2}}
	if diff := cmp.Diff(want, e.compileToolLimits(&server, &tool)); diff != "" {
		t.Error(diff)
	}
}
