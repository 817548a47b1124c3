// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheReportOfAnEstate has the keys that are looked for, with the fences left out.
func TestTheReportOfAnEstate(t *testing.T) {
	r := &report{scaled: &scaled{Roles: 1000, CallsPerRole: 50.5, ResyncWrites: 1}}
	keys := written(t, r, "calls_per_role", "converge_seconds_1000", "operator_rss_mib_1000", "quiet_resync_calls_1000", "quiet_resync_writes_1000")
	if _, ok := keys["governed_over_bare_rps"]; ok {
		t.Error("bench.json tells of fences that were not measured")
	}
	var table bytes.Buffer
	r.print(&table)
	for _, k := range []string{"calls_per_role", "converge_seconds_1000", "operator_rss_mib_1000", "quiet_resync_calls_1000"} {
		if !strings.Contains(table.String(), k) {
			t.Errorf("%s is not printed", k)
		}
	}
	if !strings.Contains(table.String(), "NOT as promised") || strings.Contains(table.String(), "governed over bare") {
		t.Errorf("a resync that wrote, without fences, reads\n%s", &table)
	}
}

func TestCallsAreCountedByKind(t *testing.T) {
	before := counts{kinds: map[string]int{"GET a": 1}}
	after := counts{kinds: map[string]int{"GET a": 3, "GET b": 8, "GET c": 0}}
	if got := after.since(before, 2); got != "GET b 4, GET a 1" {
		t.Error(got)
	}
	for path, want := range map[string]string{
		"/2.1/unity-catalog/permissions/table/main.sales.deals": "/2.1/unity-catalog/permissions/table/{}",
		"/2.0/permissions/warehouses/0123":                      "/2.0/permissions/warehouses/{}",
	} {
		if got := names.ReplaceAllString(path, "/$1/{}"); got != want {
			t.Errorf("%s counts as %s", path, got)
		}
	}
}

// written writes a report into a new folder and returns its keys; some must be there.
func written(t *testing.T, r *report, want ...string) map[string]any {
	t.Helper()
	path := filepath.Join(t.TempDir(), "new", "bench.json")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(raw, &keys); err != nil {
		t.Fatal(err)
	}
	for _, k := range want {
		if _, ok := keys[k]; !ok {
			t.Errorf("bench.json has no %s", k)
		}
	}
	return keys
}
