// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func TestParseProgram(t *testing.T) {
	for _, test := range []struct {
		name, arg string
		want      Program
		refused   bool
	}{
		{name: "a bare path goes to the top", arg: "bin/operator", want: Program{"bin/operator", "/operator"}},
		{name: "a target is taken as it is", arg: "bin/x:/usr/bin/y", want: Program{"bin/x", "/usr/bin/y"}},
		{name: "nothing", arg: "", refused: true},
		{name: "no source", arg: ":/x", refused: true},
		{name: "a relative target", arg: "bin/x:y", refused: true},
		{name: "a target that climbs", arg: "bin/x:/a/../../y", refused: true},
		{name: "the top itself", arg: "bin/x:/", refused: true},
		{name: "a folder", arg: "bin/", refused: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseProgram(test.arg)
			if (err != nil) != test.refused || got != test.want {
				t.Errorf("ParseProgram(%q) = %v, %v", test.arg, got, err)
			}
		})
	}
}

func specIn(t *testing.T) Spec {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"operator": "program", "ca.pem": "authorities"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Spec{
		Tag:        "gatehouse.dev/operator:dev",
		Entrypoint: []string{"/bin/operator", "serve"},
		Programs:   []Program{{Source: filepath.Join(dir, "operator"), Target: "/bin/operator"}},
		Bundle:     filepath.Join(dir, "ca.pem"),
	}
}

func TestImageHoldsTheProgramAndRunsAsNobody(t *testing.T) {
	spec := specIn(t)
	path := filepath.Join(t.TempDir(), "image.tar")
	var archive bytes.Buffer
	if err := Write(&archive, spec); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	image, err := tarball.ImageFromPath(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || config.OS != "linux" || !slices.Equal(config.Config.Entrypoint, spec.Entrypoint) {
		t.Errorf("config is %+v", config.Config)
	}
	files := contents(t, image)
	for path, want := range map[string]string{
		"bin/operator":                      "-rwxr-xr-x program",
		"etc/ssl/certs/ca-certificates.crt": "-rw-r--r-- authorities",
		"etc/group":                         "-rw-r--r-- " + group,
		"etc/passwd":                        "-rw-r--r-- " + passwd,
		"tmp/":                              "dtrwxrwxrwx ",
		"etc/ssl/certs/":                    "drwxr-xr-x ",
	} {
		if files[path] != want {
			t.Errorf("%s is %q, want %q", path, files[path], want)
		}
	}
}

// contents returns mode and content of every file by its path, and fails when a file comes before its folder.
func contents(t *testing.T, image v1.Image) map[string]string {
	t.Helper()
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	reader, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for archive := tar.NewReader(reader); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		folder := header.Name[:strings.LastIndexByte(strings.TrimSuffix(header.Name, "/"), '/')+1]
		if _, there := files[folder]; folder != "" && !there {
			t.Errorf("%s comes before its folder", header.Name)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = header.FileInfo().Mode().String() + " " + string(data)
	}
}

func TestSameInputGivesSameBytes(t *testing.T) {
	spec := specIn(t)
	var first, second bytes.Buffer
	if err := errors.Join(Write(&first, spec), Write(&second, spec)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same specification gave two images")
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"a tag without a name":              func(s *Spec) { s.Tag = "operator" },
		"no entrypoint":                     func(s *Spec) { s.Entrypoint = nil },
		"an entrypoint that is not there":   func(s *Spec) { s.Entrypoint = []string{"/other"} },
		"two programs at one path":          func(s *Spec) { s.Programs = append(s.Programs, s.Programs[0]) },
		"a program in the accounts' place":  func(s *Spec) { s.Programs[0].Target = "/etc/passwd"; s.Entrypoint[0] = "/etc/passwd" },
		"a program that does not exist":     func(s *Spec) { s.Programs[0].Source += ".missing" },
		"certificate authorities not there": func(s *Spec) { s.Bundle += ".missing" },
	} {
		t.Run(name, func(t *testing.T) {
			spec := specIn(t)
			change(&spec)
			if err := Write(io.Discard, spec); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}
