// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/server"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/subprocess"
)

func TestMain(m *testing.M) { subprocess.Main(m, serveUntilKilled) }

// serveUntilKilled serves the state of a folder, and prints the two addresses.
func serveUntilKilled(dir string) error {
	account, workspace := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	o, err := options(account, workspace, dir, dir)
	if err != nil {
		return err
	}
	withServing(&o)
	s, err := server.New(o)
	if err != nil {
		return err
	}
	account.Config.Handler, workspace.Config.Handler = s.Account, s.Workspace
	account.Start()
	workspace.Start()
	if err := json.NewEncoder(os.Stdout).Encode([2]string{account.URL, workspace.URL}); err != nil {
		return err
	}
	select {}
}

// child is an emulator in a process of its own, with its administrator.
type child struct {
	*site
	owner   seat
	process *subprocess.Process
}

func startChild(t *testing.T, dir string) *child {
	t.Helper()
	m := &child{process: subprocess.Start(t, dir)}
	var at [2]string
	if err := json.NewDecoder(m.process.Out).Decode(&at); err != nil {
		t.Fatal(err)
	}
	m.site = visit(t, &httptest.Server{URL: at[0]}, &httptest.Server{URL: at[1]})
	m.owner = m.administrator()
	return m
}

func (m *child) kill() {
	m.process.Kill()
	m.process.Wait()
}

// seen is everything that the emulator keeps, as its APIs show it.
func (v *child) seen() map[string]string {
	v.t.Helper()
	out := map[string]string{}
	show := func(path string, body map[string]any) {
		raw, err := json.Marshal(body)
		if err != nil {
			v.t.Fatal(err)
		}
		out[path] = strings.ReplaceAll(string(raw), v.workspace.URL, "") // the port is another after a restart
	}
	account := func(path string) map[string]any {
		status, body := v.call("GET", path, "")
		if status != 200 {
			v.t.Fatalf("%s: %d %v", path, status, body)
		}
		show(path, body)
		return body
	}
	ids := func(list map[string]any) (out []string) {
		for _, one := range list["Resources"].([]any) {
			out = append(out, one.(map[string]any)["id"].(string))
		}
		return out
	}
	for _, id := range ids(account("/scim/v2/ServicePrincipals")) {
		account("/servicePrincipals/" + id + "/federationPolicies")
	}
	for _, id := range ids(account("/scim/v2/Groups")) {
		account("/scim/v2/Groups/" + id)
	}
	account("/workspaces/" + workspaceID + "/permissionassignments")
	for _, path := range []string{
		"/api/2.0/permissions/warehouses/" + warehouseID, "/api/2.0/permissions/serving-endpoints/" + v.owner.endpointID("small-chat"), endpoint,
		"/api/2.0/vector-search/indexes?endpoint_name=search", connectionsPath, permission("schema", "main.sales"),
		"/api/2.1/unity-catalog/tables?catalog_name=main&schema_name=sales", "/api/2.1/unity-catalog/schemas?catalog_name=main",
	} {
		show(path, v.owner.must("GET", path, ""))
	}
	return out
}

// changes are calls that change what is kept; n makes names their own.
func (v *child) changes(app string) []func(n int) {
	group := func(n int, members string) string {
		v.t.Helper()
		status, out := v.call("POST", "/scim/v2/Groups", fmt.Sprintf(`{"displayName":"g%d","members":[%s]}`, n, members))
		if status != 201 {
			v.t.Fatalf("%d %v", status, out)
		}
		return out["id"].(string)
	}
	member := func(n int) string {
		id, _ := v.servicePrincipal(fmt.Sprint("sp", n))
		group(n, `{"value":"`+id+`"}`)
		v.call("PUT", "/workspaces/"+workspaceID+"/permissionassignments/principals/"+id, `{"permissions":["USER"]}`)
		return id
	}
	return []func(n int){
		func(n int) { member(n) },
		func(n int) { v.call("DELETE", "/scim/v2/ServicePrincipals/"+member(n), "") },
		func(n int) { v.call("DELETE", "/scim/v2/Groups/"+group(n, ""), "") },
		func(n int) {
			v.call("POST", "/servicePrincipals/"+member(n)+"/federationPolicies?policy_id=p", `{"oidc_policy":{"issuer":"`+issuer+`","subject":"s"}}`)
		},
		func(int) { v.owner.allow("warehouses", warehouseID, app, "CAN_MONITOR") },
		func(int) { v.owner.allow("serving-endpoints", v.owner.endpointID("small-chat"), app, "CAN_QUERY") },
		func(n int) {
			v.owner.must("PATCH", endpoint+"/tags", fmt.Sprintf(`{"add_tags":[{"key":"k%d","value":"v"}]}`, n%20))
		},
		func(n int) {
			v.owner.must("PUT", endpoint+"/ai-gateway", fmt.Sprintf(`{"rate_limits":[{"calls":%d,"key":"user","renewal_period":"minute"}]}`, n+1))
		},
		func(n int) { v.owner.must("PATCH", permission("schema", "main.sales"), change(app, "add", "SELECT")) },
		func(n int) { v.owner.run(fmt.Sprintf("CREATE SCHEMA main.s%d", n)) },
		func(n int) {
			v.owner.must("POST", connectionsPath, fmt.Sprintf(`{"name":"c%d","connection_type":"HTTP","options":{"host":"https://up.example.com","bearer_token":"t"}}`, n))
			v.owner.must("PATCH", fmt.Sprintf("%s/c%d", connectionsPath, n), fmt.Sprintf(`{"new_name":"r%d"}`, n))
		},
		func(n int) { v.owner.must("POST", "/api/2.0/vector-search/indexes", newIndex(n)) },
	}
}

func newIndex(n int) string {
	return fmt.Sprintf(`{"name":"main.sales.i%d","endpoint_name":"search","primary_key":"id","index_type":"DELTA_SYNC","delta_sync_index_spec":`+
		`{"source_table":"main.sales.docs","pipeline_type":"TRIGGERED","embedding_source_columns":[{"name":"region"}]}}`, n)
}

// TestARestartAfterAKillHasWhatWasAcknowledged kills between requests, at random ones.
func TestARestartAfterAKillHasWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	v := startChild(t, dir)
	_, _, _, app := v.setup()
	makeDocs(v.owner)
	n := 0
	for round := range 4 {
		calls := v.changes(app)
		rand.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
		if round > 0 {
			calls = calls[:1+rand.IntN(len(calls))]
		}
		for _, call := range calls {
			n++
			call(n)
		}
		before := v.seen()
		v.kill()
		v = startChild(t, dir)
		differences(t, before, v.seen())
	}
}

// TestAKillDuringARequestLeavesNothingHalfDone kills while changes of several parts are
// under way: each of them is done or not.
func TestAKillDuringARequestLeavesNothingHalfDone(t *testing.T) {
	dir := t.TempDir()
	v := startChild(t, dir)
	v.setup()
	makeDocs(v.owner)
	for round := range 4 {
		var asked atomic.Int64
		asked.Store(int64(round * 1000))
		from := asked.Load()
		w := v
		killed := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				select {
				case <-killed:
					return
				default:
				}
				path := "/api/2.0/vector-search/indexes"
				_ = w.owner.attempt("POST", path, newIndex(int(asked.Add(1))))
				_ = w.owner.attempt("DELETE", fmt.Sprintf("%s/main.sales.i%d", path, asked.Load()-1), "")
			}
		}()
		time.Sleep(time.Duration(rand.IntN(200_000)) * time.Microsecond)
		v.kill()
		close(killed)
		<-ended
		v = startChild(t, dir)
		for n := from + 1; n <= asked.Load(); n++ {
			index, _ := v.owner.do("GET", fmt.Sprintf("/api/2.0/vector-search/indexes/main.sales.i%d", n), "")
			table, _ := v.owner.do("GET", fmt.Sprintf("/api/2.1/unity-catalog/tables/main.sales.i%d", n), "")
			if index != table {
				t.Errorf("the index %d answers %d and its table %d", n, index, table)
			}
		}
	}
}

func differences(t *testing.T, before, after map[string]string) {
	t.Helper()
	for path, want := range before {
		if got := after[path]; got != want {
			t.Errorf("%s was\n%s, and after the restart is\n%s", path, want, got)
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok {
			t.Errorf("%s is there only after the restart: %s", path, after[path])
		}
	}
}
