// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestVersionsAreNewer(t *testing.T) {
	at := func(version string) *v1alpha1.Role {
		return &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "sales", Name: "west", ResourceVersion: version}}
	}
	for name, c := range map[string]struct {
		written, shown string
		want           bool
	}{
		"not of an object that was never written":  {"", "7", false},
		"of an older version":                      {"10", "9", true},
		"not of the version itself":                {"10", "10", false},
		"not of a newer version":                   {"10", "11", false},
		"not of a version that cannot be compared": {"10", "fake", false},
	} {
		t.Run(name, func(t *testing.T) {
			var v versions
			if c.written != "" {
				v.record(at(c.written))
			}
			if got := v.newerThan(at(c.shown)); got != c.want {
				t.Errorf("newer is %v, want %v", got, c.want)
			}
		})
	}
	t.Run("what the cache has shown is forgotten", func(t *testing.T) {
		var v versions
		v.record(at("10"))
		if v.newerThan(at("10")) || v.newerThan(at("9")) {
			t.Error("a version that was shown is still held against the cache")
		}
	})
}
