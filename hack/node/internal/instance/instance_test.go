// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package instance

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestNewRefuses(t *testing.T) {
	for _, test := range []struct {
		reason, name string
		index        int
		state        string
	}{
		{"an empty name", "", 0, "/s"},
		{"a name that begins with a digit", "1a", 0, "/s"},
		{"a name that ends in a dash", "a-", 0, "/s"},
		{"capitals", "Demo", 0, "/s"},
		{"a path in the name", "../x", 0, "/s"},
		{"21 letters", strings.Repeat("a", 21), 0, "/s"},
		{"an index below the range", "demo", -1, "/s"},
		{"an index above the range", "demo", Count, "/s"},
		{"a relative state folder", "demo", 0, "s"},
		{"a state folder too long for sockets", "demo", 0, "/" + strings.Repeat("s", maxState)},
		{"a state folder the node hides", "demo", 0, "/run/gatehouse"},
		{"the folder of the host's kubelet", "demo", 0, "/var/lib/kubelet"},
	} {
		if _, err := New(test.name, test.index, test.state); err == nil {
			t.Errorf("%s was accepted", test.reason)
		}
	}
	if _, err := New(strings.Repeat("a", 20), Count-1, "/"+strings.Repeat("s", maxState-1)); err != nil {
		t.Errorf("the largest instance was refused: %v", err)
	}
}

func TestNoTwoInstancesMeet(t *testing.T) {
	names := make(map[string]int)
	var networks []netip.Prefix
	for index := range Count {
		i, err := New("demo", index, "/state")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{i.LinkName(), i.PeerName(), i.Cgroup()} {
			if other, taken := names[name]; taken {
				t.Errorf("instances %d and %d are both called %s", other, index, name)
			}
			names[name] = index
			if len(name) > 15 {
				t.Errorf("%s is too long for an interface", name)
			}
		}
		for _, prefix := range []netip.Prefix{i.LinkPrefix(), i.PodPrefix(), i.ServicePrefix()} {
			for _, other := range networks {
				if prefix.Overlaps(other) {
					t.Errorf("%s of instance %d overlaps %s", prefix, index, other)
				}
			}
			networks = append(networks, prefix)
		}
		if !i.LinkPrefix().Contains(i.HostAddress()) || !i.LinkPrefix().Contains(i.NodeAddress()) {
			t.Errorf("instance %d: its ends are not on its link", index)
		}
	}
}

func TestFreeIndex(t *testing.T) {
	everything := make(map[int]bool)
	for index := range Count {
		everything[index] = true
	}
	for _, test := range []struct {
		reason string
		taken  map[int]bool
		host   []string
		want   int
		err    error
	}{
		{"nothing is taken", nil, nil, 0, nil},
		{"a gap is filled", map[int]bool{0: true, 2: true}, nil, 1, nil},
		{"a default route is no collision", nil, []string{"0.0.0.0/0"}, 0, nil},
		{"the host reaches pods of the first", nil, []string{"10.202.0.0/24"}, 1, nil},
		{"the host reaches services of the second", map[int]bool{0: true}, []string{"10.203.1.77/32"}, 2, nil},
		{"a private network covers all links", nil, []string{"10.201.0.0/16"}, 0, ErrNoIndex},
		{"a private network covers everything", nil, []string{"10.0.0.0/8"}, 0, ErrNoIndex},
		{"all are taken", everything, nil, 0, ErrNoIndex},
	} {
		var host []netip.Prefix
		for _, prefix := range test.host {
			host = append(host, netip.MustParsePrefix(prefix))
		}
		got, err := FreeIndex(test.taken, host)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: got %d, %v", test.reason, got, err)
		}
	}
}

func TestParseRoutes(t *testing.T) {
	text := "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n" +
		"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"eth0\t0000CA0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n" +
		"broken line\n"
	got := ParseRoutes(text)
	if len(got) != 2 || got[0] != netip.MustParsePrefix("0.0.0.0/0") || got[1] != netip.MustParsePrefix("10.202.0.0/24") {
		t.Errorf("got %v", got)
	}
}
