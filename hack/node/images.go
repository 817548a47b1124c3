// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/gatehouse-dev/gatehouse/hack/node/image/layout"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/instance"
	"github.com/gatehouse-dev/gatehouse/hack/node/internal/render"
)

// Load puts the images of archives, as docker save and hack/node/image write them, on the node. Pods that use them need
// imagePullPolicy Never or IfNotPresent: there is no registry. An image of the same name is replaced for pods made later.
func (n *Node) Load(ctx context.Context, archives ...string) error {
	for _, archive := range archives {
		if err := ctr(ctx, n.plan, "images", "import", archive); err != nil {
			return fmt.Errorf("load %s into %s: %w", archive, n.Name, err)
		}
	}
	return nil
}

// ctr runs containerd's client on the images and containers that kubelet sees.
func ctr(ctx context.Context, i instance.Instance, arguments ...string) error {
	arguments = append([]string{"--address", i.Socket(), "--namespace", "k8s.io"}, arguments...)
	output, err := exec.CommandContext(ctx, "ctr", arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr %s: %w: %s", arguments[4], err, bytes.TrimSpace(output))
	}
	return nil
}

// importPause waits for the runtime and gives it the pause image, without which no pod starts.
func (b *bringUp) importPause(ctx context.Context) error {
	archive := b.plan.Path("pause.tar")
	if _, err := os.Stat(archive); err != nil {
		if err := buildPause(ctx, b.plan, archive); err != nil {
			return err
		}
	}
	err := b.waiter.until(ctx, b.plan, func(ctx context.Context) error { return ctr(ctx, b.plan, "version") })
	if err != nil {
		return err
	}
	return ctr(ctx, b.plan, "images", "import", archive)
}

func buildPause(ctx context.Context, i instance.Instance, archive string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	program := i.Path("pause")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./hack/node/pause")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build pause: %w\n%s", err, output)
	}
	var image bytes.Buffer
	if err := layout.Write(&image, layout.Spec{
		Tag:        render.PauseImage,
		Entrypoint: []string{"/pause"},
		Programs:   []layout.Program{{Source: program, Target: "/pause"}},
	}); err != nil {
		return err
	}
	if err := os.WriteFile(archive+".new", image.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(archive+".new", archive)
}
