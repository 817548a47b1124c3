// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// The bench measures what the fences of the MCP server cost. One tool call, against
// one upstream that answers at once, is made through three servers in turn, each in
// a process of its own:
//
//	           +-> governed: the product's chain, every fence on --+
//	           +-> bare: the MCP SDK alone, no fence --------------+
//	load ------+-> tuned: bare, collecting as the product does ----+--> upstream
//	           +-> raw: a net/http handler, no MCP ----------------+
//
// What one machine measures in calls per second says little of another; what is kept
// are ratios of neighbours in time. Usage: go run ./hack/bench [flags].
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gatehouse-dev/gatehouse/hack/internal/program"
)

func main() {
	program.Main("bench", run)
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if role, ok := roles[args[0]]; ok {
			return role(ctx, args[1:], os.Stdin, os.Stdout)
		}
	}
	o := options{Callers: 32, Burst: 1000, Progress: os.Stdout}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.Rounds, "rounds", 7, "rounds; each measures every server once at 32 callers and once at one")
	flags.DurationVar(&o.Many, "many", 2*time.Second, "how long a server is measured at 32 callers in a round")
	flags.DurationVar(&o.One, "one", 2*time.Second, "how long a server is measured at one caller in a round")
	flags.StringVar(&o.Profile, "profile", "", "folder to write profiles of the governed server to")
	out := flags.String("out", "out", "folder that bench.json is written to")
	s := scaleOptions{Progress: os.Stdout}
	flags.IntVar(&s.Roles, "roles", 1000, "Roles of the estate that the operator is measured with; 0 leaves that part out")
	flags.StringVar(&s.Operator, "operator", "", "program of the operator; empty builds it")
	flags.StringVar(&s.Emulator, "emulator", "", "program of the emulator; empty builds it")
	flags.Func("operator-flag", "further flag of the operator; may be given several times", func(v string) error {
		s.Flags = append(s.Flags, v)
		return nil
	})
	withFences := flags.Bool("fences", true, "measure the MCP server too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s.Profile = o.Profile
	r := newReport()
	var err error
	if *withFences {
		if r.fences, err = measure(ctx, o); err != nil {
			return err
		}
	}
	if s.Roles > 0 {
		if r.scaled, err = measureScale(ctx, s); err != nil {
			return err
		}
	}
	path := filepath.Join(*out, "bench.json")
	if err := r.write(path); err != nil {
		return err
	}
	r.print(os.Stdout)
	fmt.Fprintln(os.Stdout, "\nwritten to", path)
	return nil
}
