// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/hack/node"
)

// Options say where the demo runs.
type Options struct {
	// Name is that of the local node.
	Name string
	// Context is a kubeconfig context of an existing cluster; empty makes a local node.
	Context string
	// LoadCommand puts an image archive on the nodes of an existing cluster.
	LoadCommand string
	// Out is the folder for what the demo writes.
	Out string
	// Log receives what a person reads.
	Log io.Writer
}

// demo is one run.
type demo struct {
	Options
	started time.Time
	step    int
	root    string // of the repository
	// What the steps hand on.
	kubeconfig, kubectl string
	rest                *rest.Config
	kube                client.Client
	images              map[string]string
	authority           *authority
	versions            map[string]string
	passwords           passwords
	net                 *network
	// told are the resources that were said to be Ready.
	told map[string]bool
}

// Result is what out/demo.json holds.
type Result struct {
	CellsDeclared           int               `json:"cells_declared"`
	CellsObservedAsDeclared int               `json:"cells_observed_as_declared"`
	OnboardSeconds          float64           `json:"onboard_seconds"`
	RevokeMilliseconds      int64             `json:"revoke_milliseconds"`
	HealMilliseconds        int64             `json:"heal_milliseconds"`
	Pods                    int               `json:"pods"`
	ConversationTurns       int               `json:"conversation_turns"`
	NoEnforced              int               `json:"no_enforced"`
	NoMatrixOnly            int               `json:"no_matrix_only"`
	NoOpen                  int               `json:"no_open"`
	YesRefusedWithoutScopes int               `json:"yes_refused_without_scopes"`
	Versions                map[string]string `json:"versions"`
}

// steps is how many there are, for the numbering.
const steps = 10

// Up runs the demo and leaves everything running.
func Up(ctx context.Context, o Options) (*Result, error) {
	d := &demo{Options: o, started: time.Now(), versions: map[string]string{}, told: map[string]bool{}}
	var err error
	if d.root, err = node.Root(); err != nil {
		return nil, err
	}
	if d.Out, err = filepath.Abs(o.Out); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.work(), 0o700); err != nil {
		return nil, err
	}
	result := &Result{Versions: d.versions}
	for _, s := range []struct {
		title string
		run   func(context.Context, *Result) error
	}{
		{"A cluster", d.cluster},
		{"Images", d.build},
		{"A Databricks emulator, an identity provider and an external API, inside the cluster", d.stage},
		{"The operator", d.install},
		{"The sample: a sales team with six roles and nine tools", d.sample},
		{"Every tool as every role, through MCP", d.matrix},
		{"A conversation with Genie", d.converse},
		{"A new tenant, a revocation and another mask", d.change},
		{"A change behind the operator's back, a plan, and a tenant that asks for too much", d.govern},
		{"Every cell again, straight at Databricks", d.direct},
	} {
		d.step++
		d.say("\n== %d/%d %s (%s)", d.step, steps, s.title, time.Since(d.started).Round(time.Second))
		if err := s.run(ctx, result); err != nil {
			return result, fmt.Errorf("%s: %w", s.title, err)
		}
	}
	return result, d.conclude(result)
}

// work is the folder for generated manifests, images and keys.
func (d *demo) work() string { return filepath.Join(d.Out, "demo") }

func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.Log, format+"\n", args...) }
