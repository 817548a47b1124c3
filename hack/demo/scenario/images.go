// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/hack/node"
	"github.com/gatehouse-dev/gatehouse/hack/node/image/layout"
)

// program is one that becomes an image.
type program struct {
	name, dir, pkg string
	cgo            bool
	usual          string // how long the first build usually takes
}

var programs = []program{
	{"operator", ".", "./cmd/operator", false, "a minute"},
	{"mcp-server", ".", "./cmd/mcp-server", false, "half a minute"},
	{"dev-idp", "emulator", "./cmd/dev-idp", false, "half a minute"},
	{"dev-github", "emulator", "./cmd/dev-github", false, "half a minute"},
	{"databricks-emulator", "emulator", "./cmd/databricks-emulator", true, "a minute; it links DuckDB"},
}

// build compiles the programs, packs each into an image and puts it on the node.
// The tag is a hash of the program, so that a changed one is rolled out.
func (d *demo) build(ctx context.Context, _ *Result) error {
	d.images = map[string]string{}
	d.versions["go"] = runtime.Version()
	for _, p := range programs {
		began := time.Now()
		binary := filepath.Join(d.work(), "bin", p.name)
		if _, err := os.Stat(binary); err != nil {
			d.say("   building %s (the first time usually %s)", p.name, p.usual)
		}
		if err := p.compile(ctx, d.root, binary); err != nil {
			return err
		}
		tag, err := digest(binary)
		if err != nil {
			return err
		}
		image := "gatehouse.dev/" + p.name + ":" + tag
		archive := filepath.Join(d.work(), "images", p.name+"-"+tag+".tar")
		if _, err := os.Stat(archive); err != nil {
			if err := pack(archive, image, p.name, binary); err != nil {
				return err
			}
		}
		if err := d.load(ctx, archive); err != nil {
			return err
		}
		d.images[p.name] = image
		d.say("   %s (%s)", image, time.Since(began).Round(time.Second))
	}
	return nil
}

func (p program) compile(ctx context.Context, root, binary string) error {
	flags, tags, enabled := "-s -w", "osusergo,netgo", "0"
	if p.cgo {
		// Static, so that the image needs nothing beside the program.
		flags, enabled = `-s -w -linkmode external -extldflags "-static"`, "1"
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", tags, "-ldflags", flags, "-o", binary, p.pkg) //nolint:gosec // our own arguments
	cmd.Dir = filepath.Join(root, p.dir)
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+enabled, "GOOS=linux", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", p.name, err, out)
	}
	return nil
}

func digest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // read only
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}

func pack(archive, image, name, binary string) error {
	if err := os.MkdirAll(filepath.Dir(archive), 0o700); err != nil {
		return err
	}
	f, err := os.Create(archive + ".new")
	if err != nil {
		return err
	}
	target := "/" + name
	err = layout.Write(f, layout.Spec{Tag: image, Entrypoint: []string{target}, Programs: []layout.Program{{Source: binary, Target: target}}})
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(archive+".new", archive)
}

// load puts an archive where the pods find it.
func (d *demo) load(ctx context.Context, archive string) error {
	if d.Context == "" {
		found, err := node.Find(node.Options{Name: d.Name})
		if err != nil {
			return err
		}
		return found.Load(ctx, archive)
	}
	if d.LoadCommand == "" {
		return fmt.Errorf("with --context, say with --load-command how an image archive gets onto the nodes, e.g. --load-command 'kind load image-archive'")
	}
	words := append(strings.Fields(d.LoadCommand), archive)
	if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil { //nolint:gosec // the user's own command
		return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, out)
	}
	return nil
}
