// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for name, c := range map[string]struct {
		sorted []time.Duration
		p      float64
		want   time.Duration
	}{
		"the middle of a hundred":         {hundred, .50, 50},
		"all but one of a hundred":        {hundred, .99, 99},
		"the largest":                     {hundred, 1, 100},
		"the smallest":                    {hundred, 0, 1},
		"one value is every percentile":   {hundred[6:7], .99, 7},
		"of two the p50 is the first":     {hundred[:2], .50, 1},
		"of two the p99 is the second":    {hundred[:2], .99, 2},
		"of ten the p99 is the largest":   {hundred[:10], .99, 10},
		"no rank between two is invented": {hundred[:3], .50, 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := percentile(c.sorted, c.p); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   float64
	}{
		"one":                              {[]float64{3}, 3},
		"an odd number, in any order":      {[]float64{9, 1, 5}, 5},
		"an even number":                   {[]float64{4, 1, 3, 2}, 2.5},
		"one wild value does not move it":  {[]float64{1, 1000, 2}, 2},
		"values below zero are as others":  {[]float64{-3, -1, -2}, -2},
		"the slice handed in stays as was": {[]float64{2, 1}, 1.5},
	} {
		t.Run(name, func(t *testing.T) {
			first := c.values[0]
			if got := median(c.values); got != c.want || c.values[0] != first {
				t.Errorf("got %v (first value now %v), want %v", got, c.values[0], c.want)
			}
		})
	}
}

func TestSummarizeTakesRatiosOfNeighbours(t *testing.T) {
	round := func(governed, bare float64, p99 time.Duration) measurement {
		m := measurement{map[string]window{}, map[string]window{}}
		for _, s := range systems {
			m.many[s], m.one[s] = window{rps: 1}, window{rps: 1}
		}
		m.many["governed"], m.many["bare"] = window{rps: governed}, window{rps: bare}
		m.one["governed"], m.one["bare"] = window{rps: 1, p99: p99}, window{rps: 1, p99: time.Millisecond}
		return m
	}
	// The machine was half as fast in the second round: each ratio is 2 all the same.
	r := summarize(options{Rounds: 3}, []measurement{
		round(200, 100, 1500*time.Microsecond), round(100, 50, 9*time.Millisecond), round(240, 120, 1250*time.Microsecond),
	}, 1, 80.04)
	if r.GovernedOverBare != 2 || r.GovernedOverRaw != 200 || r.AddedP99 != .5 || r.RSS != 80 || r.Systems["governed"].Many.RPS != 200 {
		t.Errorf("summarized to %+v", r)
	}
}
