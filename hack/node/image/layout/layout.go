// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// user is the account the image runs as; Kubernetes' runAsNonRoot needs it as a number.
const user = "65532:65532"

const (
	passwd = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
	group  = "root:x:0:\nnonroot:x:65532:\n"
)

// bundlePath is where Go programs and OpenSSL look for certificate authorities first.
const bundlePath = "/etc/ssl/certs/ca-certificates.crt"

// Program is one executable to put into an image.
type Program struct {
	Source string // path on this machine
	Target string // absolute path in the image
}

// ParseProgram reads SOURCE or SOURCE:TARGET; without a target the program goes to the image's top folder.
func ParseProgram(arg string) (Program, error) {
	source, target, found := strings.Cut(arg, ":")
	if !found && source != "" {
		target = "/" + source[strings.LastIndexByte(source, '/')+1:]
	}
	if source == "" || !path.IsAbs(target) || path.Clean(target) != target || target == "/" {
		return Program{}, fmt.Errorf("%q must be SOURCE or SOURCE:/ABSOLUTE/TARGET", arg)
	}
	return Program{Source: source, Target: target}, nil
}

// Spec says what an image holds.
type Spec struct {
	Tag        string    // full reference, such as gatehouse.dev/operator:dev
	Entrypoint []string  // the command; must name one of Programs
	Programs   []Program // in any order
	Bundle     string    // file of certificate authorities on this machine; empty for none
}

// Write writes the image as an archive that docker load and ctr images import read.
func Write(w io.Writer, spec Spec) error {
	tag, err := name.NewTag(spec.Tag, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("read the tag: %w", err)
	}
	image, err := build(spec)
	if err != nil {
		return fmt.Errorf("build image %s: %w", spec.Tag, err)
	}
	if err := tarball.Write(tag, image, w); err != nil {
		return fmt.Errorf("write image %s: %w", spec.Tag, err)
	}
	return nil
}

// build makes an image of one layer.
func build(spec Spec) (v1.Image, error) {
	if len(spec.Entrypoint) == 0 || !slices.ContainsFunc(spec.Programs, func(p Program) bool { return p.Target == spec.Entrypoint[0] }) {
		return nil, errors.New("the entrypoint must be the path of one of the programs")
	}
	files, err := filesOf(spec)
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	if err := writeTar(&content, files); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	}, tarball.WithCompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, configOf(image, spec))
}

// configOf returns the image's configuration. Its time of creation is fixed, so that the image's digest is too.
func configOf(image v1.Image, spec Spec) *v1.ConfigFile {
	config := &v1.ConfigFile{
		Architecture: runtime.GOARCH,
		OS:           "linux",
		Created:      v1.Time{Time: time.Unix(0, 0).UTC()},
		Config: v1.Config{
			User:       user,
			Entrypoint: spec.Entrypoint,
			WorkingDir: "/",
			Env:        []string{"PATH=/usr/local/bin:/usr/bin:/bin:/"},
		},
	}
	if current, err := image.ConfigFile(); err == nil {
		config.RootFS = current.RootFS
	}
	return config
}

// file is one file of the layer.
type file struct {
	path string
	mode int64
	data []byte
}

// filesOf reads everything that goes into the image, sorted by path.
func filesOf(spec Spec) ([]file, error) {
	files := []file{
		{path: "/etc/passwd", mode: 0o644, data: []byte(passwd)},
		{path: "/etc/group", mode: 0o644, data: []byte(group)},
	}
	if spec.Bundle != "" {
		data, err := os.ReadFile(spec.Bundle)
		if err != nil {
			return nil, err
		}
		files = append(files, file{path: bundlePath, mode: 0o644, data: data})
	}
	for _, p := range spec.Programs {
		data, err := os.ReadFile(p.Source)
		if err != nil {
			return nil, err
		}
		files = append(files, file{path: p.Target, mode: 0o755, data: data})
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	for i := 1; i < len(files); i++ {
		if files[i].path == files[i-1].path {
			return nil, fmt.Errorf("two files would be at %s", files[i].path)
		}
	}
	return files, nil
}

// writeTar writes the files and the folders above them, each folder once and before what it holds, and a /tmp that every
// account may write to.
func writeTar(w io.Writer, files []file) error {
	archive := tar.NewWriter(w)
	seen := map[string]bool{"/": true}
	if err := writeFolder(archive, seen, "/tmp", 0o1777); err != nil {
		return err
	}
	for _, f := range files {
		if err := writeFolder(archive, seen, path.Dir(f.path), 0o755); err != nil {
			return err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.path[1:], Mode: f.mode, Size: int64(len(f.data)), ModTime: time.Unix(0, 0)}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(f.data); err != nil {
			return err
		}
	}
	return archive.Close()
}

func writeFolder(archive *tar.Writer, seen map[string]bool, dir string, mode int64) error {
	if seen[dir] {
		return nil
	}
	if err := writeFolder(archive, seen, path.Dir(dir), 0o755); err != nil {
		return err
	}
	seen[dir] = true
	return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir[1:] + "/", Mode: mode, ModTime: time.Unix(0, 0)})
}
