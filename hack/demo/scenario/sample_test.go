// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/hack/node"
)

// TestTheSampleDeclaresTheMatrix holds config/samples/sales against the table it is
// to reproduce, so that agreeing with the sample means agreeing with the table.
func TestTheSampleDeclaresTheMatrix(t *testing.T) {
	const table = `
		check_identity       yes yes yes yes yes yes
		get_region_summary   yes yes yes yes yes yes
		query_sales_data     yes yes yes yes yes yes
		genie_query          yes yes yes yes yes yes
		query_knowledge_base yes yes yes yes yes yes
		query_audit_log      no  no  no  yes yes yes
		ask_supervisor       no  no  no  yes no  yes
		github_search        no  no  no  yes no  yes
		external_api_call    no  no  no  yes no  yes`
	root, err := node.Root()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(root, "config", "samples", "sales", "toolaccess.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var access v1alpha1.ToolAccess
	if err := yaml.UnmarshalStrict(raw, &access); err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	cells := declaration(&access, toolNames)
	for _, c := range cells {
		declared[c.tool+" "+c.role] = c.declared
	}
	rows := strings.Split(strings.TrimSpace(table), "\n")
	if len(cells) != len(rows)*len(roles) {
		t.Fatalf("%d cells are observed and the table has %d", len(cells), len(rows)*len(roles))
	}
	for _, row := range rows {
		words := strings.Fields(row)
		for i, role := range roles {
			if got := yesNo(declared[words[0]+" "+role]); got != words[i+1] {
				t.Errorf("%s as %s: declared %s, want %s", words[0], role, got, words[i+1])
			}
		}
	}
}
