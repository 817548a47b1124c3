// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/test/env"
)

// emulator is Databricks, with counts of its calls.
type emulator struct {
	*env.EmulatorProcess
	log  *os.File
	seen counts
	last int64
}

// counts are the calls that the emulator answered.
type counts struct {
	all, writes, limited int
	kinds                map[string]int
}

// since says what was called since earlier counts, by kind, the most frequent first.
func (c counts) since(before counts, per float64) string {
	type kind struct {
		name string
		n    int
	}
	var list []kind
	for name, n := range c.kinds {
		if n -= before.kinds[name]; n > 0 {
			list = append(list, kind{name, n})
		}
	}
	slices.SortFunc(list, func(a, b kind) int { return b.n - a.n })
	words := make([]string, len(list))
	for i, k := range list {
		words[i] = fmt.Sprintf("%s %.4g", k.name, float64(k.n)/per)
	}
	return strings.Join(words, ", ")
}

func startEmulator(ctx context.Context, binary, dir string) (*emulator, error) {
	log, err := os.Create(filepath.Join(dir, "emulator.log"))
	if err != nil {
		return nil, fmt.Errorf("keep the emulator's log: %w", err)
	}
	p, err := env.StartEmulator(ctx, env.EmulatorOptions{Dir: dir, Binary: binary, Log: log})
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &emulator{EmulatorProcess: p, log: log, seen: counts{kinds: map[string]int{}}}, nil
}

func (e *emulator) end() {
	e.Stop()
	_ = e.log.Close()
}

// slow makes every call take a while.
func (e *emulator) slow(ctx context.Context, by time.Duration) error {
	return e.Break(ctx, env.Fault{Stage: "before_commit", Action: "delay", DelayMS: int(by.Milliseconds()), Match: env.FaultMatch{Times: -1}})
}

// furnish makes what the tools name.
func (e *emulator) furnish(ctx context.Context) error {
	admin, err := e.Admin(ctx, e.WorkspaceURL)
	if err != nil {
		return err
	}
	return admin.SQL(ctx,
		"CREATE CATALOG main", "CREATE SCHEMA main.sales", "CREATE SCHEMA main.gatehouse", "CREATE SCHEMA main.knowledge",
		"CREATE TABLE main.sales.deals (deal_id STRING, region STRING, customer STRING, amount DOUBLE, margin_pct DOUBLE, closed_on DATE)",
		"CREATE TABLE main.gatehouse.tool_calls (request_id STRING)", "CREATE TABLE main.knowledge.handbook (id STRING, text STRING)",
		"CREATE CONNECTION github TYPE HTTP OPTIONS (host 'https://api.github.example.com', port '443', base_path '/', bearer_token 'dosetoken')",
	)
}

// names are the parts of paths that differ between objects of a kind.
var names = regexp.MustCompile(`/(accounts|workspaces|ServicePrincipals|servicePrincipals|Groups|principals|federationPolicies|catalog|schema|table|connection|function|warehouses|genie|serving-endpoints|spaces|indexes|statements)/[^/]+`)

// calls counts what was called so far.
func (e *emulator) calls(ctx context.Context) (counts, error) {
	list, err := e.Calls(ctx, e.last)
	if err != nil {
		return counts{}, fmt.Errorf("read the emulator's calls: %w", err)
	}
	next := counts{e.seen.all, e.seen.writes, e.seen.limited, maps.Clone(e.seen.kinds)}
	if next.kinds == nil {
		next.kinds = map[string]int{}
	}
	for _, c := range list {
		e.last = c.Seq
		next.all++
		if c.Writes() {
			next.writes++
		}
		if c.Status == http.StatusTooManyRequests {
			next.limited++
		}
		path := names.ReplaceAllString(strings.TrimPrefix(c.Path, "/api"), "/$1/{}")
		next.kinds[c.Method+" "+path[max(0, strings.LastIndex(path, "accounts/{}")):]]++
	}
	e.seen = next
	return next, nil
}
