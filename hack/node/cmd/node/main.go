// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/gatehouse-dev/gatehouse/hack/internal/program"
)

// command is one word of the command line: it parses what follows and does it.
type command struct {
	name    string
	summary string
	run     func(ctx context.Context, args []string) error
}

var commands = []command{
	{"binaries", "build the cluster's programs and print the folder that holds them", runBinaries},
	{"up", "bring an instance up, or find it healthy; prints its kubeconfig", runUp},
	{"load", "put images on an instance's node", runLoad},
	{"status", "say what runs of an instance; ends with 1 unless it is ready", runStatus},
	{"down", "remove an instance without a trace", runDown},
}

func main() {
	program.Main("node", dispatch)
}

func dispatch(ctx context.Context, args []string) error {
	if len(args) > 0 {
		for _, c := range commands {
			if c.name == args[0] {
				return c.run(ctx, args[1:])
			}
		}
	}
	fmt.Fprintln(os.Stderr, "usage: node COMMAND [flags]")
	for _, c := range commands {
		fmt.Fprintf(os.Stderr, "  %-10s %s\n", c.name, c.summary)
	}
	if len(args) == 0 {
		return errors.New("a command is needed")
	}
	return fmt.Errorf("there is no command %q", args[0])
}
