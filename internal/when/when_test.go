// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package when_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/when"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) // a Monday

// values decodes JSON as the server does.
func values(t testing.TB, text string) when.Values {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	var out map[string]any
	if err := dec.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return when.ValuesOf(out)
}

func caller(t testing.TB) when.Caller {
	return when.Caller{
		Role: "sales/west", Subject: "auth0|1", Email: "ann@acme.example", Issuer: "https://idp.example.com/",
		Claims: values(t, `{"department":"sales","level":7,"score":1.5,"regions":["WEST","EAST"],"admin":true,"nested":{"a":{"b":1}},"nothing":null}`),
	}
}

func TestHolds(t *testing.T) {
	args := `{"region":"WEST","limit":50,"big":9007199254740993,"huge":123456789012345678901234567890,"half":0.5,"list":[1,2,3],"text":"` + strings.Repeat("a", 5000) + `"}`
	for expression, want := range map[string]string{
		`true`:                                   "yes",
		`false`:                                  "no",
		`caller.role == 'sales/west'`:            "yes",
		`caller.subject.startsWith('auth0|')`:    "yes",
		`caller.email.endsWith('@acme.example')`: "yes",
		`caller.issuer == 'https://idp.example.com/'`: "yes",
		`tool == 'query'`:                                   "yes",
		`caller.claims.department == 'sales'`:               "yes",
		`caller.claims['department'] in ['sales', 'legal']`: "yes",
		`caller.claims.level >= 7`:                          "yes",
		`caller.claims.level > 6.5`:                         "yes",
		`caller.claims.score == 1.5`:                        "yes",
		`caller.claims.admin == true`:                       "yes",
		`caller.claims.nested.a.b == 1`:                     "yes",
		`caller.claims.nothing == null`:                     "yes",
		`has(caller.claims.department)`:                     "yes",
		`has(caller.claims.other)`:                          "no",
		`!has(caller.claims.other) || caller.claims.other`:  "yes",
		`args.region in caller.claims.regions`:              "yes",
		`args.limit <= 100`:                                 "yes",
		`args.limit < 50`:                                   "no",
		`args.big == 9007199254740993`:                      "yes",
		`args.big == 9007199254740992`:                      "no",
		`args.huge > 5`:                                     "yes",
		`args.half < 1`:                                     "yes",
		`args.list.all(i, i < 4)`:                           "yes",
		`args.list.exists(i, i == 9)`:                       "no",
		`args.region.matches('^[A-Z]+$')`:                   "yes",
		`size(args.list) == 3`:                              "yes",
		`now < timestamp('2027-01-01T00:00:00Z')`:           "yes",
		`now.getHours() >= 8 && now.getHours() < 18`:        "yes",
		`now.getDayOfWeek() == 1`:                           "yes",
		`now.getHours('Europe/Berlin') == 14`:               "yes",
		// Everything else is a no.
		`args.missing == 1`:                                                  "missing key",
		`caller.claims.missing == 'x'`:                                       "missing key",
		`caller.claims.nested.x.y == 1`:                                      "missing key",
		`caller.claims.department.x == 1`:                                    "missing key",
		`caller.claims.department < 5`:                                       "type",
		`caller.claims.department || caller.claims.department`:               "type",
		`args.limit / 0 == 1`:                                                "evaluation error",
		`args.region.matches('a') || args.missing == 1`:                      "missing key",
		`caller.claims.regions.all(r, r.matches('^(a*)*$') || args.missing)`: "missing key",
	} {
		t.Run(expression, func(t *testing.T) {
			p, err := when.Compile(expression)
			if err != nil {
				t.Fatal(err)
			}
			holds, err := p.Holds(t.Context(), when.Input{Caller: caller(t), Args: values(t, args), Tool: "query", Now: noon})
			got := "no"
			switch {
			case err != nil:
				got = err.Error()
				if holds {
					t.Error("an error came with a yes")
				}
			case holds:
				got = "yes"
			}
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestWithoutCallerAndArgumentsNothingHolds(t *testing.T) {
	p, err := when.Compile(`caller.claims.department == 'sales' || args.region == 'WEST'`)
	if err != nil {
		t.Fatal(err)
	}
	if holds, err := p.Holds(t.Context(), when.Input{}); holds || err == nil {
		t.Errorf("got %v, %v", holds, err)
	}
}

func TestCompileRefuses(t *testing.T) {
	for name, c := range map[string]struct{ expression, want string }{
		"nothing":                  {"", "Syntax error"},
		"no CEL":                   {"caller.role ==", "line 1, column 15: Syntax error"},
		"the second line":          {"caller.role == 'x' &&\n  args.a ==== 1", "line 2, column 12: Syntax error"},
		"a misspelt variable":      {"caller.emial == 'x'", "undeclared reference to 'caller'"},
		"an unknown variable":      {"tool == user", "line 1, column 9: undeclared reference to 'user'"},
		"an unknown function":      {"tool.shout() == 'X'", "undeclared reference to 'shout'"},
		"types that do not fit":    {"tool == 1", "no matching overload for '_==_'"},
		"a text":                   {"'yes'", "must be a bool and is a string"},
		"anything":                 {"caller.claims.admin", "must be a bool and is a dyn"},
		"too long":                 {"tool == '" + strings.Repeat("x", when.MaxLength) + "'", "longer than 1024"},
		"too deep":                 {strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), "recursion"},
		"a pattern of the caller":  {"tool.matches(args.pattern)", "line 1, column 13: the pattern of `matches`"},
		"a broken pattern":         {"tool.matches('(')", "invalid matches argument"},
		"a broken time":            {"now < timestamp('noon')", "invalid timestamp argument"},
		"loops within loops":       {"args.a.all(x, args.a.all(y, args.a.all(z, x + y + z > 0)))", "cost too much"},
		"lists made of long lists": {"args.a.map(x, args.a.map(y, args.a.map(z, x))).size() > 1", "cost too much"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := when.Compile(c.expression)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
			if again := when.Check(c.expression); again == nil || again.Error() != err.Error() {
				t.Errorf("Check says %v", again)
			}
		})
	}
	if err := when.Check("true"); err != nil {
		t.Error(err)
	}
}

func TestMentionsArgs(t *testing.T) {
	for expression, want := range map[string]bool{
		`caller.role == 'x'`: false, `args.a == 1`: true, `has(args.a)`: true, `caller.claims.a.exists(x, x == args.b)`: true,
		`caller.claims.args == 1`: false, `tool == 'args'`: false, `size(args) == 0`: true,
	} {
		p, err := when.Compile(expression)
		if err != nil {
			t.Fatal(err)
		}
		if p.MentionsArgs() != want {
			t.Errorf("%s: %v", expression, !want)
		}
	}
}

func TestWhatCallersSendCannotMakeAnEvaluationExpensive(t *testing.T) {
	long := `{"a":[` + strings.TrimSuffix(strings.Repeat("1,", 5000), ",") + `],"t":"` + strings.Repeat("ab", 1<<19) + `"}`
	for _, expression := range []string{
		`args.a.all(x, !args.a.exists(y, y == x + 1))`,
		`args.a.all(x, args.t.matches('^(ab)+c$') || x == 1)`,
	} {
		p, err := when.Compile(expression)
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		began := time.Now()
		holds, err := p.Holds(t.Context(), when.Input{Args: values(t, long)})
		if holds || !errors.Is(err, when.ProblemCost) {
			t.Errorf("%s: got %v, %v", expression, holds, err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s took %v", expression, took)
		}
	}
}

func TestACallThatEndedIsANo(t *testing.T) {
	p, err := when.Compile(`args.a.all(x, x == 1)`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	many := `{"a":[` + strings.TrimSuffix(strings.Repeat("1,", 5000), ",") + `]}`
	if holds, err := p.Holds(ctx, when.Input{Args: values(t, many)}); holds || !errors.Is(err, when.ProblemEnded) {
		t.Errorf("got %v, %v", holds, err)
	}
}

// FuzzHolds looks for an expression and arguments that panic, take long, or are a yes
// together with an error.
func FuzzHolds(f *testing.F) {
	for _, e := range []string{
		`args.a == 1`, `args.a.all(x, x > 0)`, `caller.claims.a in args.b`, `tool.matches('a+')`, `args.a ? true : args.b`, `has(args.a) && args.a.b[0] == 'x'`,
		`timestamp(args.a) < now`, `duration(args.a) < duration('1h')`, `string(args.a) == 'x'`, `int(args.a) % int(args.b) == 0`, `args.map(k, args[k]).size() > 0`, `args == caller.claims`,
	} {
		for _, a := range []string{`{}`, `{"a":1,"b":0}`, `{"a":[1,"x",null,{"b":[]}],"b":{"c":1e400}}`, `{"a":"2026-01-01T00:00:00Z","b":-9223372036854775808}`} {
			f.Add(e, a)
		}
	}
	f.Fuzz(func(t *testing.T, expression, args string) {
		p, err := when.Compile(expression)
		if err != nil {
			if _, ok := err.(*when.Error); !ok { //nolint:errorlint // it is not wrapped
				t.Fatalf("an error of another type: %T", err)
			}
			return
		}
		dec := json.NewDecoder(strings.NewReader(args))
		dec.UseNumber()
		var decoded map[string]any
		if dec.Decode(&decoded) != nil {
			return
		}
		in := when.Input{Caller: caller(t), Args: when.ValuesOf(decoded), Tool: "query", Now: noon}
		in.Caller.Claims = in.Args
		began := time.Now()
		holds, err := p.Holds(t.Context(), in)
		if holds && err != nil {
			t.Fatalf("a yes with %v", err)
		}
		if _, ok := err.(when.Problem); err != nil && !ok { //nolint:errorlint // it is not wrapped
			t.Fatalf("an error that can hold a value: %T", err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("took %v", took)
		}
	})
}

func BenchmarkHolds(b *testing.B) {
	for name, expression := range map[string]string{
		"caller": `caller.claims.department == 'sales' && caller.email.endsWith('@acme.example')`,
		"args":   `args.limit <= 100 && args.region in caller.claims.regions`,
		"now":    `now.getHours() >= 8 && now.getHours() < 18`,
		"loop":   `caller.claims.regions.exists(r, r == args.region)`,
	} {
		p, err := when.Compile(expression)
		if err != nil {
			b.Fatal(err)
		}
		in := when.Input{Caller: caller(b), Args: values(b, `{"region":"WEST","limit":50}`), Tool: "query", Now: noon}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if holds, err := p.Holds(b.Context(), in); !holds || err != nil {
					b.Fatal(holds, err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := when.Compile(`caller.claims.department == 'sales' && args.limit <= 100`); err != nil {
			b.Fatal(err)
		}
	}
}
