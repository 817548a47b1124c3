// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package packages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// PluginDirs are where distributions put the network plug-ins, in the order in which they are tried.
var PluginDirs = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"}

// plugins are the network plug-ins a node uses.
var plugins = []string{"ptp", "host-local", "loopback", "portmap"}

// pluginPackage is what brings the plug-ins.
const pluginPackage = "containernetworking-plugins"

// needs says which Debian package brings which program.
var needs = []struct{ program, pkg string }{
	{"containerd", "containerd"},
	{"containerd-shim-runc-v2", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"iptables-restore", "iptables"},
	{"conntrack", "conntrack"},
	{"ip", "iproute2"},
	{"nsenter", "util-linux"},
	{"unshare", "util-linux"},
	{"mount", "mount"},
}

// Ensure installs what is missing and returns the folder of the network plug-ins. Its error names every package that could not
// be had.
func Ensure(ctx context.Context, progress io.Writer) (string, error) {
	missing := missingPackages(onPath, pluginDir())
	if len(missing) > 0 {
		fmt.Fprintf(progress, "installing Debian packages: %s\n", strings.Join(missing, " "))
		if err := install(ctx, missing); err != nil {
			return "", fmt.Errorf("install %s: %w", strings.Join(missing, ", "), err)
		}
		if missing = missingPackages(onPath, pluginDir()); len(missing) > 0 {
			return "", fmt.Errorf("these packages are installed, but what they should bring is not there: %s", strings.Join(missing, ", "))
		}
	}
	return pluginDir(), nil
}

// missingPackages returns the packages to install, each once, in a fixed order.
func missingPackages(has func(program string) bool, plugins string) []string {
	var missing []string
	for _, need := range needs {
		if !has(need.program) && !slices.Contains(missing, need.pkg) {
			missing = append(missing, need.pkg)
		}
	}
	if plugins == "" {
		missing = append(missing, pluginPackage)
	}
	return missing
}

// onPath also looks where administrators' programs are, which an ordinary account's PATH may leave out.
func onPath(program string) bool {
	if _, err := exec.LookPath(program); err == nil {
		return true
	}
	return slices.ContainsFunc([]string{"/usr/sbin", "/sbin"}, func(dir string) bool { return exists(filepath.Join(dir, program)) })
}

// pluginDir returns the first folder that holds every plug-in, or nothing.
func pluginDir() string {
	for _, dir := range PluginDirs {
		if !slices.ContainsFunc(plugins, func(plugin string) bool { return !exists(filepath.Join(dir, plugin)) }) {
			return dir
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// install runs apt-get, after an update when it does not find the packages.
func install(ctx context.Context, names []string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("there is no apt-get here: install them, or their equivalents, by this system's own means")
	}
	arguments := append([]string{"install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"}, names...)
	if aptGet(ctx, arguments...) == nil {
		return nil
	}
	if err := aptGet(ctx, "update"); err != nil {
		return err
	}
	return aptGet(ctx, arguments...)
}

func aptGet(ctx context.Context, arguments ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", arguments...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	output, err := cmd.CombinedOutput()
	if err != nil {
		lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
		return fmt.Errorf("apt-get %s: %w: %s", arguments[0], err, bytes.Join(lines[max(0, len(lines)-3):], []byte("; ")))
	}
	return nil
}
