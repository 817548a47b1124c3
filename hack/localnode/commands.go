// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/gatehouse-dev/gatehouse/hack/localnode/internal/binaries"
	"github.com/gatehouse-dev/gatehouse/hack/localnode/node"
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
