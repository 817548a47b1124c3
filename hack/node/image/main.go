// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gatehouse-dev/gatehouse/hack/node/image/layout"
)

// bundles are where Linux distributions keep certificate authorities.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
}

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	out := flags.String("out", "", "file to write")
	tag := flags.String("tag", "", "full reference of the image, such as gatehouse.dev/operator:dev")
	entrypoint := flags.String("entrypoint", "", "path in the image of the program to run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" || *tag == "" || *entrypoint == "" || flags.NArg() == 0 {
		flags.Usage()
		return errors.New("--out, --tag, --entrypoint and at least one program are needed")
	}
	spec := layout.Spec{Tag: *tag, Entrypoint: []string{*entrypoint}, Bundle: firstFile(bundles)}
	for _, arg := range flags.Args() {
		program, err := layout.ParseProgram(arg)
		if err != nil {
			return err
		}
		spec.Programs = append(spec.Programs, program)
	}
	return writeFile(*out, spec)
}

// writeFile writes the image beside its final name first, so that a file of that name is always complete.
func writeFile(out string, spec layout.Spec) error {
	temporary, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) //nolint:errcheck // gone already when all went well
	if err := errors.Join(layout.Write(temporary, spec), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), out)
}

// firstFile returns the first of paths that is a file, or nothing.
func firstFile(paths []string) string {
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			return p
		}
	}
	return ""
}
