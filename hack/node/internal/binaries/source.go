// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package binaries

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/mod/modfile"
)

// rootModule is the module at the top of this repository; its go.mod marks the top.
const rootModule = "github.com/gatehouse-dev/gatehouse"

// Root returns the top of the repository that holds the folder the process runs in. Tests run in their package's folder,
// commands usually at the top: both find it.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	return rootAbove(dir)
}

func rootAbove(dir string) (string, error) {
	for start := dir; ; dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modfile.ModulePath(data) == rootModule {
			return dir, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find the repository: %w", err)
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the repository: no folder above %s holds module %s", start, rootModule)
		}
	}
}

// source is the modules under hack/node/modules, read once.
type source struct {
	dir        string // hack/node/modules
	kubernetes string // its version, such as v1.37.2
	key        string // names the folder of the results: changes whenever a module does
}

// readSource reads which versions the repository at root pins.
func readSource(root string) (source, error) {
	s := source{dir: filepath.Join(root, "hack", "node", "modules")}
	path := filepath.Join(s.dir, "kubernetes", "go.mod")
	data, err := os.ReadFile(path)
	if err != nil {
		return source{}, fmt.Errorf("read the version of Kubernetes: %w", err)
	}
	if s.kubernetes, err = requiredVersion(path, data, "k8s.io/kubernetes"); err != nil {
		return source{}, err
	}
	sum, err := hashFiles(s.dir, "kubernetes/go.mod", "kubernetes/go.sum", "etcd/go.mod", "etcd/go.sum",
		"coredns/go.mod", "coredns/go.sum", "coredns/main.go")
	if err != nil {
		return source{}, err
	}
	s.key = fmt.Sprintf("%s-%s-%s-%s", s.kubernetes, runtime.GOOS, runtime.GOARCH, sum[:8])
	return s, nil
}

// requiredVersion returns the version of module that the go.mod file in data requires.
func requiredVersion(path string, data []byte, module string) (string, error) {
	file, err := modfile.Parse(path, data, nil)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	for _, req := range file.Require {
		if req.Mod.Path == module {
			return req.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("read %s: it does not require %s", path, module)
}

// hashFiles returns a hash in hexadecimal over the files' contents, in the order given.
func hashFiles(dir string, names ...string) (string, error) {
	h := sha256.New()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return "", fmt.Errorf("read what is pinned: %w", err)
		}
		fmt.Fprintf(h, "%s %d\n", name, len(data))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
