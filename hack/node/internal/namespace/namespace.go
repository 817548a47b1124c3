// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gatehouse-dev/gatehouse/hack/node/internal/instance"
)

// Hidden are folders of the host over which the node has its own: kubelet and the runtime use them whatever their flags say.
var Hidden = []string{"/var/lib/kubelet", "/var/log/containers"}

// Enter returns the command line that runs argv inside the instance's namespaces. The process is argv's own: nsenter
// becomes it.
func Enter(i instance.Instance, argv ...string) []string {
	return append([]string{"nsenter", "--mount=" + mountFile(i), "--net=" + netFile(i), "--"}, argv...)
}

func folder(i instance.Instance) string    { return i.Path("ns") }
func mountFile(i instance.Instance) string { return i.Path("ns", "mnt") }
func netFile(i instance.Instance) string   { return i.Path("ns", "net") }

// Ensure makes the namespaces and the link to the host, unless they are there.
func Ensure(ctx context.Context, i instance.Instance) error {
	if Intact(i) {
		return nil
	}
	if err := Remove(ctx, i); err != nil {
		return err
	}
	if err := create(ctx, i); err != nil {
		return fmt.Errorf("make the node's namespaces: %w", err)
	}
	if err := connect(ctx, i); err != nil {
		return fmt.Errorf("connect the node to the host: %w", err)
	}
	return nil
}

// Intact reports whether both namespaces and the link to the host are there.
func Intact(i instance.Instance) bool {
	_, exists := ID(i)
	return exists && linkExists(i)
}

// create makes both namespaces and hides the host's folders in the new one.
func create(ctx context.Context, i instance.Instance) error {
	for _, dir := range append([]string{folder(i)}, Hidden...) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, file := range []string{mountFile(i), netFile(i)} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			return err
		}
	}
	// A mount namespace can be kept by a file only where mounts do not spread: otherwise it would hold itself.
	if err := mountPrivate(folder(i)); err != nil {
		return fmt.Errorf("mount %s: %w", folder(i), err)
	}
	if err := run(ctx, "unshare", "--mount="+mountFile(i), "--net="+netFile(i), "--propagation=private", "true"); err != nil {
		return err
	}
	inside := [][]string{{"mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run"}}
	for _, dir := range Hidden {
		own := i.Path("host", filepath.Base(dir))
		if err := os.MkdirAll(own, 0o755); err != nil {
			return err
		}
		inside = append(inside, []string{"mount", "--bind", own, dir})
	}
	return runAll(ctx, i, inside)
}

// connect makes the pair of interfaces, the addresses and the routes.
func connect(ctx context.Context, i instance.Instance) error {
	node := i.NodeAddress().String()
	bits := fmt.Sprintf("/%d", i.LinkPrefix().Bits())
	outside := [][]string{
		{"ip", "link", "add", i.LinkName(), "type", "veth", "peer", "name", i.PeerName()},
		{"ip", "link", "set", i.PeerName(), "netns", netFile(i)},
		{"ip", "address", "add", i.HostAddress().String() + bits, "dev", i.LinkName()},
		{"ip", "link", "set", i.LinkName(), "up"},
	}
	for _, argv := range outside {
		if err := run(ctx, argv...); err != nil {
			return err
		}
	}
	inside := [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "set", i.PeerName(), "name", "eth0"},
		{"ip", "address", "add", node + bits, "dev", "eth0"},
		{"ip", "link", "set", "eth0", "up"},
		{"ip", "route", "add", "default", "via", i.HostAddress().String()},
		{"sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"},
	}
	if err := runAll(ctx, i, inside); err != nil {
		return err
	}
	for _, prefix := range []string{i.PodPrefix().String(), i.ServicePrefix().String()} {
		if err := run(ctx, "ip", "route", "add", prefix, "via", node, "dev", i.LinkName()); err != nil {
			return err
		}
	}
	return nil
}

// Remove takes the link and the namespaces away. Processes inside must have ended. Removing what is not there is no error.
func Remove(ctx context.Context, i instance.Instance) error {
	if linkExists(i) {
		if err := run(ctx, "ip", "link", "delete", i.LinkName()); err != nil {
			return fmt.Errorf("remove the link to the node: %w", err)
		}
	}
	mounted, err := mountsBelow(i.State)
	if err != nil {
		return err
	}
	// What was mounted last is listed last and must go first.
	for _, at := range slices.Backward(mounted) {
		if err := unmount(at); err != nil {
			return fmt.Errorf("unmount %s: %w", at, err)
		}
	}
	return nil
}

// Mounts returns what the host sees mounted below the instance's state folder, in the order in which it was mounted.
func Mounts(i instance.Instance) ([]string, error) { return mountsBelow(i.State) }

// ID returns the number of the instance's mount namespace, by which its processes are recognised, or false when it has none.
func ID(i instance.Instance) (uint64, bool) {
	mounted, err := mountsBelow(folder(i))
	if err != nil || len(mounted) < 3 {
		return 0, false
	}
	var stat unix.Stat_t
	if err := unix.Stat(mountFile(i), &stat); err != nil {
		return 0, false
	}
	return stat.Ino, true
}

func linkExists(i instance.Instance) bool {
	_, err := os.Stat("/sys/class/net/" + i.LinkName())
	return err == nil
}

func mountsBelow(dir string) ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list what is mounted: %w", err)
	}
	return parseMounts(string(data), dir), nil
}

// parseMounts returns the mount points at or below dir from the text of a mountinfo file.
func parseMounts(mountinfo, dir string) []string {
	unescape := strings.NewReplacer("\\040", " ", "\\011", "\t", "\\012", "\n", "\\134", "\\")
	var found []string
	for line := range strings.Lines(mountinfo) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescape.Replace(fields[4])
		if point == dir || strings.HasPrefix(point, dir+"/") {
			found = append(found, point)
		}
	}
	return found
}

// runAll runs commands inside the namespaces, in order.
func runAll(ctx context.Context, i instance.Instance, commands [][]string) error {
	for _, argv := range commands {
		if err := run(ctx, Enter(i, argv...)...); err != nil {
			return err
		}
	}
	return nil
}

// run runs one command and puts what it printed into the error.
func run(ctx context.Context, argv ...string) error {
	output, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w: %s", strings.Join(argv, " "), err, bytes.TrimSpace(output))
	}
	return nil
}
