// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/test/conformance/fixture"
)

const (
	installTakes = 10 * time.Minute
	suiteTakes   = 5 * time.Minute
)

// suite is one release of the suites, as it is run.
type suite struct {
	name     string // of the dependency in package.json
	args     []string
	baseline string
	// scenarios is how many there are, so that a run that tries nothing is seen.
	scenarios int
	// skipped are scenarios that the suite does not try, on any server.
	skipped []string
}

func TestTheServerConforms(t *testing.T) {
	if testing.Short() {
		t.Skip("the conformance suites are left out with -short")
	}
	modules := install(t)
	url := serve(t)
	for _, s := range []suite{
		{name: "conformance-legacy", args: []string{"--suite", "all"}, baseline: "legacy.yml", scenarios: 32},
		{name: "conformance-modern", args: []string{"--requirements", "2026-07-28"}, baseline: "modern.yml", scenarios: 50, skipped: []string{"tasks-status-notifications"}},
	} {
		t.Run(s.name, func(t *testing.T) { s.run(t, modules, url) })
	}
}

// run runs a suite and compares what does not pass with the baseline. The suite does
// that too; but it says nothing of scenarios that its revision does not count.
func (s suite) run(t *testing.T, modules, url string) {
	t.Helper()
	baseline, err := filepath.Abs(s.baseline)
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	args := append([]string{filepath.Join(modules, s.name, "dist", "index.js"), "server", "--url", url, "--expected-failures", baseline, "-o", out}, s.args...)
	t.Logf("running %s", strings.Join(args[1:], " "))
	said, runErr := run(t, suiteTakes, t.TempDir(), node(modules), args...)
	results := read(t, out)
	if len(results) != s.scenarios {
		t.Errorf("%d scenarios were run, want %d", len(results), s.scenarios)
	}
	var passed, failed, skipped []string
	for _, name := range slices.Sorted(maps.Keys(results)) {
		switch r := results[name]; {
		case len(r.wrong) > 0:
			failed = append(failed, name)
		case r.passed == 0:
			skipped = append(skipped, name)
		default:
			passed = append(passed, name)
		}
	}
	named := names(t, s.baseline)
	for _, name := range failed {
		if !slices.Contains(named, name) {
			t.Errorf("%s does not pass and %s does not name it:\n  %s", name, s.baseline, strings.Join(results[name].wrong, "\n  "))
		}
	}
	for _, name := range named {
		if !slices.Contains(failed, name) {
			t.Errorf("%s names %s, which passes or is not run: take it out", s.baseline, name)
		}
	}
	if diff := cmp.Diff(s.skipped, skipped); diff != "" {
		t.Errorf("what the suite did not try (-want +got):\n%s", diff)
	}
	if runErr != nil || t.Failed() {
		t.Errorf("the suite ended with %v; it said:\n%s", runErr, said)
	}
	t.Logf("%d of %d scenarios pass; not: %s; not tried: %s", len(passed), len(results), strings.Join(failed, ", "), strings.Join(skipped, ", "))
}

// result is what a suite found in one scenario.
type result struct {
	passed int
	wrong  []string
}

// saved is the name of a scenario's folder: what it tests, its name and the time.
var saved = regexp.MustCompile(`^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$`)

func read(t *testing.T, dir string) map[string]result {
	t.Helper()
	out := map[string]result{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "checks.json" {
			return err
		}
		name := saved.FindStringSubmatch(filepath.Base(filepath.Dir(path)))
		if name == nil {
			t.Fatalf("cannot tell the scenario of %s", path)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var checks []struct {
			ID           string `json:"id"`
			Status       string `json:"status"`
			Description  string `json:"description"`
			ErrorMessage string `json:"errorMessage"`
		}
		if err := json.Unmarshal(raw, &checks); err != nil {
			return err
		}
		r := result{}
		for _, c := range checks {
			switch c.Status {
			case "SUCCESS":
				r.passed++
			case "INFO", "SKIPPED":
			default: // FAILURE, WARNING and what is not known yet
				r.wrong = append(r.wrong, c.Status+" "+c.ID+": "+c.Description+": "+c.ErrorMessage)
			}
		}
		out[name[1]] = r
		return nil
	})
	if err != nil {
		t.Fatalf("read the results: %v", err)
	}
	return out
}

// names are the scenarios that a baseline names.
func names(t *testing.T, path string) []string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b struct {
		Server []string `json:"server"`
	}
	if err := yaml.UnmarshalStrict(raw, &b); err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	return b.Server
}

// serve runs the fixture for as long as the test runs.
func serve(t *testing.T) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	var logs bytes.Buffer
	go func() {
		ended <- fixture.Run(ctx, "127.0.0.1:0", slog.New(slog.NewTextHandler(&logs, nil)), func(url string) { ready <- url })
	}()
	select {
	case err := <-ended:
		stop()
		t.Fatalf("the fixture did not come up: %v", err)
		return ""
	case url := <-ready:
		t.Cleanup(func() {
			stop()
			if err := <-ended; err != nil || t.Failed() {
				t.Errorf("the fixture ended with %v; it said:\n%s", err, logs.String())
			}
		})
		return url
	}
}

// install returns the folder of the npm packages, which it fills if need be.
func install(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("there is no cache folder for the suites: %v", err)
	}
	files := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		if files[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		sum.Write(files[name])
	}
	cache = filepath.Join(cache, "gatehouse")
	dir := filepath.Join(cache, "npm-"+hex.EncodeToString(sum.Sum(nil))[:12])
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(dir); err == nil {
		return modules
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatal("missing: npm 9 or newer, with any Node (Debian: apt-get install npm). It installs the conformance suites and the Node 22 that they need. `go test -short` leaves them out.")
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	// It is made elsewhere and moved, so that what is there is complete.
	next, err := os.MkdirTemp(cache, ".npm-") //nolint:usetesting // on the file system that it is moved within
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(next) }()
	for name, raw := range files {
		if err := os.WriteFile(filepath.Join(next, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("installing the conformance suites and Node 22 with npm into %s (once; some 250 MB)", dir)
	said, err := run(t, installTakes, next, "npm", "ci", "--no-audit", "--no-fund")
	if err != nil {
		t.Fatalf("npm ci: %v\n%s", err, said)
	}
	if version, err := run(t, time.Minute, next, node(filepath.Join(next, "node_modules")), "--version"); err != nil || !strings.HasPrefix(version, "v22.") {
		t.Fatalf("the npm package `node` gave no Node 22 (%q, %v): npm must be allowed to run its install script\n%s", version, err, said)
	}
	if err := os.Rename(next, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil { // another test may have been first
			t.Fatal(err)
		}
	}
	return modules
}

func node(modules string) string { return filepath.Join(modules, "node", "bin", "node"+exe()) }

func exe() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// run runs a program to its end and returns what it said.
func run(t *testing.T, takes time.Duration, dir, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), takes)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.WaitDelay = dir, 10*time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return string(out), err
}
