// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// report is bench.json.
type report struct {
	// What was measured; a part that was not is left out.
	*fences
	*scaled

	Go       string `json:"go"`
	Platform string `json:"platform"`
	Cores    int    `json:"cores"`
	Date     string `json:"date"`
}

// newReport says where and when it is made.
func newReport() *report {
	return &report{Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Cores: runtime.NumCPU(), Date: time.Now().UTC().Format(time.RFC3339)}
}

// fences are what the fences of the MCP server cost.
type fences struct {
	// GovernedOverBare and GovernedOverRaw are calls per second at many callers, as
	// ratios of neighbours in time; the median over rounds.
	GovernedOverBare float64 `json:"governed_over_bare_rps"`
	GovernedOverRaw  float64 `json:"governed_over_raw_rps"`
	// GovernedOverTuned is over bare with the collector's settings of the product's pods:
	// what is left when those are taken away.
	GovernedOverTuned float64 `json:"governed_over_tuned_rps"`
	// AddedP99 is the p99 at one caller of governed less that of bare in the same round;
	// the median over rounds. The upstream is the same and drops out.
	AddedP99 float64 `json:"added_p99_ms"`
	// Exchanges are the requests of the token endpoint for identical calls at once.
	Exchanges int     `json:"exchanges_per_1000"`
	RSS       float64 `json:"rss_mib"`

	Systems map[string]figures `json:"systems"`

	Rounds   int    `json:"rounds"`
	Protocol string `json:"mcp_protocol"`
}

// figures are what one system showed; medians over rounds.
type figures struct {
	Many figure `json:"callers_32"`
	One  figure `json:"callers_1"`
}

type figure struct {
	RPS float64 `json:"rps"`
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	// CPU is the processor time of the server process for one call.
	CPU float64 `json:"cpu_us_per_call"`
}

// summarize reduces rounds to a report.
func summarize(o options, rounds []measurement, exchanges int, rss float64) *fences {
	r := &fences{Exchanges: exchanges, RSS: rounded(rss, 1), Systems: map[string]figures{}, Rounds: o.Rounds, Protocol: revision}
	over := func(other string) float64 {
		return rounded(medianOf(rounds, func(m measurement) float64 { return m.many["governed"].rps / m.many[other].rps }), 3)
	}
	r.GovernedOverBare, r.GovernedOverTuned, r.GovernedOverRaw = over("bare"), over("tuned"), over("raw")
	r.AddedP99 = rounded(medianOf(rounds, func(m measurement) float64 {
		return milliseconds(m.one["governed"].p99 - m.one["bare"].p99)
	}), 3)
	for _, s := range systems {
		r.Systems[s] = figures{
			Many: figureOf(rounds, func(m measurement) window { return m.many[s] }),
			One:  figureOf(rounds, func(m measurement) window { return m.one[s] }),
		}
	}
	return r
}

func figureOf(rounds []measurement, of func(measurement) window) figure {
	read := func(digits int, f func(window) float64) float64 {
		return rounded(medianOf(rounds, func(m measurement) float64 { return f(of(m)) }), digits)
	}
	return figure{
		RPS: read(0, func(w window) float64 { return w.rps }), P50: read(3, func(w window) float64 { return milliseconds(w.p50) }),
		P99: read(3, func(w window) float64 { return milliseconds(w.p99) }), CPU: read(0, func(w window) float64 { return microseconds(w.cpu) }),
	}
}

func (r *report) write(path string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make the folder of the report: %w", err)
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// print writes the report for people.
func (r *report) print(w io.Writer) {
	if r.fences != nil {
		r.printFences(w)
	}
	if s := r.scaled; s != nil {
		fmt.Fprintf(w, "\n%d Roles, nine tools, %s for each call to Databricks\n\n", s.Roles, latency)
		for _, row := range []struct {
			what, key string
			value     any
		}{
			{"calls to Databricks for each new Role", "calls_per_role", s.CallsPerRole},
			{"writes to the cluster for each", "cluster_writes_per_role", s.ClusterWrites},
			{"seconds until all are Ready", "converge_seconds_1000", s.Converge},
			{"processor time of the operator, s", "operator_cpu_seconds_1000", s.OperatorCPU},
			{"memory of the operator, MiB", "operator_rss_mib_1000", s.RSS},
			{"calls of a resync without a change", "quiet_resync_calls_1000", s.ResyncCalls},
			{"writes of a resync without a change", "quiet_resync_writes_1000", s.ResyncWrites},
		} {
			fmt.Fprintf(w, "%-38s %8v   %s\n", row.what, row.value, row.key)
		}
		fmt.Fprintf(w, "\na resync without a change writes nothing: %s\n", kept(s.ResyncWrites == 0))
	}
}

// kept says whether a promise is.
func kept(ok bool) string {
	if ok {
		return "as promised"
	}
	return "NOT as promised"
}

func (r *report) printFences(w io.Writer) {
	fmt.Fprintf(w, "\n%s, %d cores, %s, MCP %s; medians of %d rounds\n\n", r.Go, r.Cores, r.Platform, r.Protocol, r.Rounds)
	const row = "%-9s %9s %9s %9s %9s   %9s %9s %9s %9s\n"
	fmt.Fprintf(w, row, "", "32: rps", "p50 ms", "p99 ms", "cpu us", "1: rps", "p50 ms", "p99 ms", "cpu us")
	cells := func(f figure) []any {
		return []any{fmt.Sprintf("%.0f", f.RPS), fmt.Sprintf("%.2f", f.P50), fmt.Sprintf("%.2f", f.P99), fmt.Sprintf("%.0f", f.CPU)}
	}
	for _, s := range systems {
		fmt.Fprintf(w, row, append(append([]any{s}, cells(r.Systems[s].Many)...), cells(r.Systems[s].One)...)...)
	}
	fmt.Fprintf(w, "\ngoverned over bare, calls per second   %8.2f   (more than 1: %s)\n", r.GovernedOverBare, kept(r.GovernedOverBare > 1))
	fmt.Fprintf(w, "governed over bare with GOGC=400       %8.2f\n", r.GovernedOverTuned)
	fmt.Fprintf(w, "governed over raw, calls per second    %8.2f\n", r.GovernedOverRaw)
	fmt.Fprintf(w, "added to the p99 of one caller, ms     %8.2f   (less than 1: %s)\n", r.AddedP99, kept(r.AddedP99 < 1))
	fmt.Fprintf(w, "exchanges for 1,000 calls at once      %8d   (1: %s)\n", r.Exchanges, kept(r.Exchanges == 1))
	fmt.Fprintf(w, "memory of the governed server, MiB     %8.1f\n", r.fences.RSS)
}
