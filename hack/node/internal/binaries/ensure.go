// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package binaries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gatehouse-dev/gatehouse/hack/node/internal/lockfile"
)

// assetsVariable is the environment variable by which setup-envtest and its users name a folder of ready programs.
const assetsVariable = "KUBEBUILDER_ASSETS"

// Ensure returns a folder that holds every program of the set, building what is missing. What it does is written to
// progress, a line at a time. For Assets it returns the folder KUBEBUILDER_ASSETS names, when that holds them; a whole
// cluster is always built, because its parts must be of one version.
func Ensure(ctx context.Context, progress io.Writer, set Set) (string, error) {
	if dir := os.Getenv(assetsVariable); set == Assets && dir != "" {
		missing := missingIn(dir, of(Assets))
		if len(missing) == 0 {
			return dir, nil
		}
		fmt.Fprintf(progress, "%s=%s does not hold %s: building instead\n", assetsVariable, dir, missing[0].name)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	src, err := readSource(root)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	dir := filepath.Join(cache, "gatehouse", "bin", src.key)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	return dir, buildMissing(ctx, progress, src, dir, of(set))
}

// buildMissing builds those of want that dir does not hold. A program's lock is held while it is built, so a second run
// that needs the same one waits for it and then finds it there.
func buildMissing(ctx context.Context, progress io.Writer, src source, dir string, want []program) error {
	missing := missingIn(dir, want)
	for i, p := range missing {
		label := fmt.Sprintf("[%d/%d] %s", i+1, len(missing), p.name)
		unlock, err := lockfile.Acquire(ctx, filepath.Join(dir, "."+p.name+".lock"), func() {
			fmt.Fprintf(progress, "%s: another run is building it, waiting\n", label)
		})
		if err != nil {
			return fmt.Errorf("lock %s: %w", p.name, err)
		}
		if len(missingIn(dir, []program{p})) > 0 {
			err = build(ctx, progress, label, src, dir, p)
		}
		if err = errors.Join(err, unlock()); err != nil {
			return err
		}
	}
	return nil
}

// missingIn returns those of want that dir does not hold as executable files.
func missingIn(dir string, want []program) []program {
	var missing []program
	for _, p := range want {
		info, err := os.Stat(filepath.Join(dir, p.name))
		if err != nil || info.Mode()&fs.ModeType != 0 || info.Mode().Perm()&0o111 == 0 {
			missing = append(missing, p)
		}
	}
	return missing
}
