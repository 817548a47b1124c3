// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Installed returns the path of the first of these programs that the machine has. Where
// it has none, Debian's package is installed; elsewhere the test fails with the names.
func Installed(t testing.TB, pkg string, programs ...string) string {
	t.Helper()
	find := func() string {
		for _, name := range programs {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
		return ""
	}
	if path := find(); path != "" {
		return path
	}
	missing := "missing: " + strings.Join(programs, " or ") + " (Debian: apt-get install " + pkg + ")"
	for _, arguments := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", pkg}} {
		cmd := exec.CommandContext(t.Context(), "apt-get", arguments...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s; installing it failed: %v\n%s", missing, err, out)
		}
	}
	path := find()
	if path == "" {
		t.Fatal(missing)
	}
	return path
}

// Exhaustive is true in `make test-e2e`: a test that has a long form, such as every crash
// point or every order instead of a sample, runs that.
func Exhaustive() bool { return os.Getenv("GATEHOUSE_EXHAUSTIVE") != "" }
