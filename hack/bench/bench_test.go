// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the processes of the bench.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		if err := run(context.Background(), os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, os.Args[1]+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestTheBenchAsAWhole runs all of it for a moment. That every answer was right is
// the bench's own rule; how long anything took is not looked at.
func TestTheBenchAsAWhole(t *testing.T) {
	var told bytes.Buffer
	r := newReport()
	var err error
	r.fences, err = measure(t.Context(), options{
		Rounds: 1, Callers: 4, Many: 100 * time.Millisecond, One: 50 * time.Millisecond, Burst: 200, Progress: &told,
	})
	if err != nil {
		t.Fatalf("%v after\n%s", err, &told)
	}
	if r.Exchanges != 1 {
		t.Errorf("%d exchanges for 200 identical calls at once, want 1", r.Exchanges)
	}
	written(t, r,
		"governed_over_bare_rps", "governed_over_tuned_rps", "governed_over_raw_rps", "added_p99_ms", "exchanges_per_1000", "rss_mib",
		"systems", "rounds", "mcp_protocol", "go", "platform", "cores", "date")
	for _, s := range systems {
		if f := r.Systems[s]; f.Many.RPS <= 0 || f.One.RPS <= 0 {
			t.Errorf("%s answered no calls: %+v", s, f)
		}
	}
	if r.fences.RSS <= 0 {
		t.Error("the memory of the governed server was not read")
	}
	var table bytes.Buffer
	r.print(&table)
	for _, s := range systems {
		if !strings.Contains(table.String(), "\n"+s+" ") {
			t.Errorf("the table lacks %s:\n%s", s, &table)
		}
	}
	if !strings.Contains(told.String(), "round 1 of 1") {
		t.Errorf("the progress does not say where it is:\n%s", &told)
	}
}

// TestTheGovernedServerIsGoverned makes sure that the fences are up where they are measured.
func TestTheGovernedServerIsGoverned(t *testing.T) {
	b := &bench{options: options{Callers: 1, Progress: io.Discard}, dir: t.TempDir(), servers: map[string]*process{}, urls: map[string]string{}}
	defer b.end()
	if err := b.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	token := func(user string) string {
		t.Helper()
		s, err := b.provider.token(user)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := token("user")
	address := strings.TrimPrefix(b.urls["governed"], "http://")
	outside := recorded{b.call.header, []byte(strings.Replace(string(b.call.body), `"limit":5`, `"limit":5000`, 1))}
	for name, c := range map[string]struct {
		request []byte
		want    string // part of the problem; "" for none
	}{
		"a good call":              {b.call.request(address, good), ""},
		"a signature that is none": {b.call.request(address, good[:len(good)-8]+"AAAAAAAA"), "401"},
		"a denied subject":         {b.call.request(address, token("somebody-else")), "401"},
		"another host":             {[]byte(strings.Replace(string(b.call.request(address, good)), address, "evil.example", 1)), "403"},
		"an argument out of range": {outside.request(address, good), "INVALID_ARGUMENT"},
	} {
		_, err := b.run(name, order{Address: address, Requests: [][]byte{c.request}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestTheCollectorIsThatOfThePods keeps the bench honest when the operator's settings change.
func TestTheCollectorIsThatOfThePods(t *testing.T) {
	raw, err := os.ReadFile("../../controllers/mcpserver/objects.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range collector {
		name, value, _ := strings.Cut(setting, "=")
		if !strings.Contains(string(raw), fmt.Sprintf("{Name: %q, Value: %q}", name, value)) {
			t.Errorf("the pods do not have %s", setting)
		}
	}
}

func TestAnAnswerThatIsNotRightFailsTheBench(t *testing.T) {
	const text = `"content":[{"type":"text","text":"` + marker + `"}]`
	good := `{"jsonrpc":"2.0","id":1,"result":{"structuredContent":{"status":"ok","rows":[{"region":"` + marker + `"},{}]},` + text + `}}`
	for name, c := range map[string]struct {
		status int
		body   string
		want   string // part of the error; "" for none
	}{
		"an event with the rows":     {200, "event: message\ndata: " + good + "\n\n", ""},
		"JSON with the rows":         {200, good, ""},
		"rows without MCP":           {200, `{"rows":[{"region":"` + marker + `"},{}]}`, ""},
		"a refusal at the door":      {401, `{"error":"invalid_token"}`, "401"},
		"the rows with a bad status": {500, good, "500"},
		"an error of the tool":       {200, strings.Replace(good, `"result":{`, `"result":{"isError":true,`, 1), "isError"},
		"an error of the protocol":   {200, `{"jsonrpc":"2.0","id":1,"error":{"message":"` + marker + `"}}`, "does not hold the rows"},
		"rows for models only":       {200, `{"jsonrpc":"2.0","id":1,"result":{` + text + `}}`, "does not hold the rows"},
		"half an answer":             {200, good[:len(good)-2], "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			err := right(c.status, []byte(c.body))
			if err == nil {
				err = whole([]byte(c.body))
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
