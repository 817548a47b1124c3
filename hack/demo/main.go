// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// The demo runs Gatehouse's main job end to end on a local cluster and prints the
// access matrix as observed. Usage: go run ./hack/demo up|down [flags].
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gatehouse-dev/gatehouse/hack/demo/scenario"
	"github.com/gatehouse-dev/gatehouse/hack/internal/program"
)

func main() {
	log.SetLogger(logr.Discard()) // what the client library tells is not for who reads the demo
	program.Main("demo", run)
}

func run(ctx context.Context, args []string) error {
	o := scenario.Options{Log: os.Stdout}
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.StringVar(&o.Name, "name", "gatehouse-demo", "name of the local node")
	flags.StringVar(&o.Context, "context", os.Getenv("GATEHOUSE_DEMO_CONTEXT"), "kubeconfig context of an existing cluster, used instead of a local node")
	flags.StringVar(&o.LoadCommand, "load-command", os.Getenv("GATEHOUSE_DEMO_LOAD"), "with --context: command that puts an image archive on the cluster's nodes; the archive's path is appended, e.g. 'kind load image-archive'")
	flags.StringVar(&o.Out, "out", "out", "folder for what the demo writes, demo.json among it")
	if len(args) == 0 {
		flags.Usage()
		return errors.New("say up or down")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "up":
		_, err := scenario.Up(ctx, o)
		return err
	case "down":
		return scenario.Down(ctx, o)
	}
	return fmt.Errorf("%q is not a command: say up or down", args[0])
}
