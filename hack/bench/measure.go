// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// options say how much is measured.
type options struct {
	Rounds  int
	Callers int
	// Many and One are how long each server is measured in a round.
	Many, One time.Duration
	// Burst is how many identical calls arrive at once at a fresh server.
	Burst int
	// Profile is a folder for profiles of the governed server.
	Profile  string
	Progress io.Writer
}

// systems are measured in this order in each round. Tuned is bare with the settings of
// the collector that the product's pods have.
var systems = []string{"governed", "bare", "tuned", "raw"}

// bench is everything that runs.
type bench struct {
	options
	dir      string
	up       ready
	caFile   string
	provider *provider
	load     *process
	call     *recorded
	tokens   []string
	servers  map[string]*process
	urls     map[string]string
}

// measurement is one round: what each system showed at many callers and at one.
type measurement struct{ many, one map[string]window }

// measure starts everything, measures, and ends everything.
func measure(ctx context.Context, o options) (*fences, error) {
	dir, err := os.MkdirTemp("", "gatehouse-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{options: o, dir: dir, servers: map[string]*process{}, urls: map[string]string{}}
	defer b.end()
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	exchanges, err := b.burst(ctx)
	if err != nil {
		return nil, err
	}
	for _, system := range systems {
		b.say("warming up the %s server", system)
		if _, err := b.window(system, o.Callers, o.Many/2); err != nil {
			return nil, err
		}
	}
	var rounds []measurement
	for i := range o.Rounds {
		m, err := b.round(i)
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, m)
	}
	rss, err := b.servers["governed"].rss()
	if err != nil {
		return nil, err
	}
	return summarize(o, rounds, exchanges, rss), nil
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.Progress, ">> "+format+"\n", args...) }

// prepare starts the upstream, the load generator and the three servers.
func (b *bench) prepare(ctx context.Context) error {
	b.say("starting the upstream and three servers, each a process of its own")
	var err error
	if b.provider, err = newProvider(b.dir); err != nil {
		return err
	}
	if b.servers["upstream"], b.up, err = beginServer(ctx, nil, "upstream", "--keys", b.provider.keys); err != nil {
		return err
	}
	b.caFile = filepath.Join(b.dir, "ca.pem")
	if err := os.WriteFile(b.caFile, []byte(b.up.CA), 0o600); err != nil {
		return fmt.Errorf("write the certificate: %w", err)
	}
	if err := writeDocument(b.dir, b.up); err != nil {
		return err
	}
	for range b.Callers {
		t, err := b.provider.token("user" + strconv.Itoa(len(b.tokens)))
		if err != nil {
			return err
		}
		b.tokens = append(b.tokens, t)
	}
	if b.load, err = begin(ctx, nil, "load"); err != nil {
		return err
	}
	for _, system := range systems {
		if err := b.server(ctx, system, b.Profile); err != nil {
			return err
		}
	}
	b.call, err = record(ctx, b.urls["bare"])
	return err
}

// freshServer starts another governed server, which the caller ends.
func (b *bench) freshServer(ctx context.Context) (*process, ready, error) {
	return beginServer(ctx, collector, "governed", "--access-dir", b.dir)
}

// server starts one of the systems; there is one of each at a time.
func (b *bench) server(ctx context.Context, system, profile string) error {
	var env []string
	args := []string{system, "--upstream", b.up.URL, "--ca", b.caFile}
	switch system {
	case "governed":
		env, args = collector, []string{system, "--access-dir", b.dir, "--profile", profile}
	case "tuned":
		env, args[0] = collector, "bare"
	}
	p, r, err := beginServer(ctx, env, args...)
	if err != nil {
		return err
	}
	b.servers[system], b.urls[system] = p, r.URL
	return nil
}

func (b *bench) end() {
	if b.load != nil {
		b.load.end()
	}
	for _, p := range b.servers {
		p.end()
	}
}

// round measures each system at many callers, then each at one.
func (b *bench) round(i int) (measurement, error) {
	m := measurement{map[string]window{}, map[string]window{}}
	for _, part := range []struct {
		callers int
		howLong time.Duration
		into    map[string]window
	}{{b.Callers, b.Many, m.many}, {1, b.One, m.one}} {
		words := make([]string, 0, len(systems))
		for _, system := range systems {
			w, err := b.window(system, part.callers, part.howLong)
			if err != nil {
				return m, err
			}
			part.into[system] = w
			words = append(words, fmt.Sprintf("%s %.0f", system, w.rps))
		}
		b.say("round %d of %d, %2d callers, calls per second: %s", i+1, b.Rounds, part.callers, strings.Join(words, ", "))
	}
	return m, nil
}

// window puts load on one system for a while.
func (b *bench) window(system string, callers int, howLong time.Duration) (window, error) {
	o := order{Address: strings.TrimPrefix(b.urls[system], "http://"), For: howLong}
	for _, t := range b.tokens[:callers] {
		o.Requests = append(o.Requests, b.call.request(o.Address, t))
	}
	before, err := b.servers[system].cpu()
	if err != nil {
		return window{}, err
	}
	got, err := b.run(system, o)
	if err != nil {
		return window{}, err
	}
	after, err := b.servers[system].cpu()
	if err != nil {
		return window{}, err
	}
	return window{
		rps: float64(got.Calls) / got.Elapsed.Seconds(), p50: got.P50, p99: got.P99, cpu: (after - before) / time.Duration(got.Calls),
	}, nil
}

// run has the load generator carry out an order. A wrong answer ends the bench: an
// error is often faster than the answer, and must not count as one.
func (b *bench) run(system string, o order) (outcome, error) {
	if err := json.NewEncoder(b.load.stdin).Encode(o); err != nil {
		return outcome{}, fmt.Errorf("order load: %w", err)
	}
	var got outcome
	if err := b.load.lines.Decode(&got); err != nil {
		return outcome{}, fmt.Errorf("read what came of the load: %w", err)
	}
	if got.Problem != "" {
		return outcome{}, fmt.Errorf("%s: %s", system, got.Problem)
	}
	return got, nil
}

// burst lets identical calls of one caller arrive at once at a server that has not
// heard of anybody yet, and counts the exchanges. It is not one that is measured: a
// thousand connections leave their mark on a heap.
func (b *bench) burst(ctx context.Context) (int, error) {
	b.say("sending %d identical calls at once to a governed server of their own", b.Burst)
	fresh, at, err := b.freshServer(ctx)
	if err != nil {
		return 0, err
	}
	defer fresh.end()
	token, err := b.provider.token("burst")
	if err != nil {
		return 0, err
	}
	o := order{Address: strings.TrimPrefix(at.URL, "http://")}
	for range b.Burst {
		o.Requests = append(o.Requests, b.call.request(o.Address, token))
	}
	before, err := b.exchanges(ctx)
	if err != nil {
		return 0, err
	}
	got, err := b.run("governed", o)
	if err != nil {
		return 0, err
	}
	if got.Calls != b.Burst {
		return 0, fmt.Errorf("%d of %d calls were answered", got.Calls, b.Burst)
	}
	after, err := b.exchanges(ctx)
	return after - before, err
}

// exchanges is how many requests the token endpoint has had.
func (b *bench) exchanges(ctx context.Context) (int, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(b.up.CA)) {
		return 0, errors.New("the upstream has no certificate")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.up.URL+pathCount, nil)
	if err != nil {
		return 0, fmt.Errorf("count the exchanges: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("count the exchanges: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, fmt.Errorf("count the exchanges: %w", err)
	}
	return strconv.Atoi(string(raw))
}
