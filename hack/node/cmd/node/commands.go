// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/gatehouse-dev/gatehouse/hack/node"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/binaries"
)

func runBinaries(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("binaries", flag.ContinueOnError)
	only := flags.String("only", "all", "what to build: assets (kube-apiserver and etcd) or all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	set, err := binaries.ParseSet(*only)
	if err != nil {
		return err
	}
	dir, err := node.Binaries(ctx, os.Stderr, set)
	if err != nil {
		return err
	}
	fmt.Println(dir)
	return nil
}

// instanceFlags returns the flags every command on an instance has.
func instanceFlags(command string) (*flag.FlagSet, *node.Options) {
	options := &node.Options{Progress: os.Stderr}
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.StringVar(&options.Name, "name", "gatehouse", "name of the instance and of its node")
	flags.StringVar(&options.StateRoot, "state-root", "", "folder that holds the instances' folders (default gatehouse/cluster in the user's cache folder)")
	return flags, options
}

func runUp(ctx context.Context, args []string) error {
	flags, options := instanceFlags("up")
	flags.StringVar(&options.Kubeconfig, "kubeconfig", "", "also write the administrator's kubeconfig there")
	flags.StringVar(&options.Issuer, "issuer", "", "issuer of service account tokens (default https://kubernetes.default.svc.cluster.local)")
	if err := parseAll(flags, args); err != nil {
		return err
	}
	up, err := node.Up(ctx, *options)
	if err != nil {
		return err
	}
	fmt.Println(up.Kubeconfig)
	return nil
}

func runLoad(ctx context.Context, args []string) error {
	flags, options := instanceFlags("load")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("at least one image archive is needed")
	}
	found, err := node.Find(*options)
	if err != nil {
		return err
	}
	return found.Load(ctx, flags.Args()...)
}

func runDown(ctx context.Context, args []string) error {
	flags, options := instanceFlags("down")
	all := flags.Bool("all", false, "take every instance down")
	if err := parseAll(flags, args); err != nil {
		return err
	}
	if *all {
		return node.DownAll(ctx, *options)
	}
	return node.Down(ctx, *options)
}

// errNotReady makes status end with a code other than 0 for an instance that is not ready.
var errNotReady = errors.New("it is not ready")

func runStatus(ctx context.Context, args []string) error {
	flags, options := instanceFlags("status")
	output := flags.String("o", "", "'json' for machines; a table otherwise")
	if err := parseAll(flags, args); err != nil {
		return err
	}
	found, err := node.Find(*options)
	if err != nil {
		return err
	}
	status := found.Status(ctx)
	if *output == "json" {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(status); err != nil {
			return err
		}
	} else if err := printStatus(status); err != nil {
		return err
	}
	if !status.Ready {
		return errNotReady
	}
	return nil
}

func printStatus(status node.Status) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(table, "name\t%s\nready\t%t %s\nAPI server\t%s\nnode\t%s\nkubeconfig\t%s\nstate\t%s\n",
		status.Name, status.Ready, status.Reason, status.APIServer, status.Address, status.Kubeconfig, status.State)
	for _, part := range status.Parts {
		if part.Running {
			fmt.Fprintf(table, "%s\tprocess %d\n", part.Name, part.PID)
		} else {
			fmt.Fprintf(table, "%s\tdoes not run\n", part.Name)
		}
	}
	return table.Flush()
}

// parseAll parses flags and refuses anything beside them: a mistyped flag must not be taken for none.
func parseAll(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	return nil
}
