// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What the emulator is told exists.
const (
	AccountID      = "11111111-2222-4333-8444-555555555555"
	WorkspaceID    = "1234567890123456"
	WarehouseID    = "0123456789abcdef"
	GenieSpaceID   = "01f00000000010008000000000000001"
	EndpointName   = "support_agent-1"
	VectorIndex    = "main.sales.notes_index" // over main.sales.notes, which need not exist
	OperatorID     = "0a0a0a0a-0000-4000-8000-000000000001"
	operatorSecret = "dosetestsecret"
	sampleSpaceID  = "01f0a1b2c3d4e5f60718293a4b5c6d7e" // that of config/samples
)

// Emulator is a running Databricks emulator.
type Emulator struct {
	AccountURL, WorkspaceURL, AdminURL string
	// CA signs its certificate, in PEM.
	CA   string
	http *http.Client
	// dir holds that certificate and its key.
	dir string
}

// Call is one call that the emulator recorded.
type Call struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	Host      string    `json:"host"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Query     string    `json:"query"`
	Principal string    `json:"principal"`
	Status    int       `json:"status"`
	Committed bool      `json:"committed"`
	Faults    []string  `json:"faults"`
}

// Fault orders a failure; the fields are those of the emulator's admin port.
type Fault struct {
	Match      FaultMatch `json:"match"`
	Stage      string     `json:"stage"`
	Action     string     `json:"action"`
	Status     int        `json:"status,omitempty"`
	RetryAfter string     `json:"retry_after,omitempty"`
	DelayMS    int        `json:"delay_ms,omitempty"`
	Body       string     `json:"body,omitempty"`
	HookURL    string     `json:"hook_url,omitempty"`
	Then       string     `json:"then,omitempty"`
}

// FaultMatch says which calls are struck.
type FaultMatch struct {
	Method    string `json:"method,omitempty"`
	PathRegex string `json:"path_regex,omitempty"`
	Nth       int    `json:"nth,omitempty"`
	// Times is how many calls are struck. 0 is one, -1 all.
	Times int `json:"times,omitempty"`
}

// Principal is a service principal in the emulator's state.
type Principal struct {
	ID            string            `json:"id"`
	ApplicationID string            `json:"applicationId"`
	DisplayName   string            `json:"displayName"`
	ExternalID    string            `json:"externalId"`
	Policies      []json.RawMessage `json:"policies"`
}

// Group is a group in the emulator's state.
type Group struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"displayName"`
	ExternalID  string   `json:"externalId"`
	Members     []string `json:"members"`
}

// State is what the emulator holds of identities.
type State struct {
	Principals  map[string]Principal `json:"principals"`
	Groups      map[string]Group     `json:"groups"`
	Assignments map[string][]string  `json:"assignments"`
}

// build compiles the emulator once for all tests of a process. As a tool of its module
// it is linked once for all processes: go keeps it in its cache.
var build = sync.OnceValues(func() (string, error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "emulator", "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return "", fmt.Errorf("the emulator's folder was not found")
		}
		root = filepath.Dir(root)
	}
	log := &bytes.Buffer{}
	cmd := exec.Command("go", "tool", "-n", "databricks-emulator")
	cmd.Dir, cmd.Stderr = filepath.Join(root, "emulator"), log
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=-buildvcs=false")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build the emulator (it needs a C compiler): %w\n%s", err, log)
	}
	return strings.TrimSpace(string(out)), nil
})

// writtenWithin is how long another process may still be writing the program that it
// has just built too, into the cache that all share.
const writtenWithin = time.Minute

// run starts a program, which cannot be while somebody writes it.
func run(stderr io.Writer, binary string, args ...string) (*exec.Cmd, io.Reader, error) {
	for deadline := time.Now().Add(writtenWithin); ; time.Sleep(100 * time.Millisecond) {
		cmd := exec.Command(binary, args...)
		cmd.Stderr = stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, nil, err
		}
		if err = cmd.Start(); !errors.Is(err, syscall.ETXTBSY) || time.Now().After(deadline) {
			return cmd, out, err
		}
	}
}

// NewEmulator starts an emulator of the test's own and stops it when the test ends. More
// are lines for the end of its bootstrap file.
func NewEmulator(t testing.TB, more ...string) *Emulator {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ca := certificate(t, dir)
	write(t, filepath.Join(dir, "secret"), operatorSecret)
	write(t, filepath.Join(dir, "bootstrap.yaml"), fmt.Sprintf(`
accountID: %[1]s
workspace: {id: %[2]q}
warehouses: [{id: %[3]q, name: Test}]
genie:
  spaces:
    - {id: %[4]q, title: Test, warehouseID: %[3]q, tables: [main.sales.deals]}
    - {id: %[9]q, title: Sample, warehouseID: %[3]q, tables: [main.sales.deals]}
connections: {caFile: %[10]q}
serving: {endpoints: [{name: %[5]q}, {name: sales-supervisor}]}
vectorSearch:
  endpoints: [test]
  indexes:
    - {name: %[6]q, endpoint: test, sourceTable: main.sales.notes, primaryKey: id, textColumn: text}
    - {name: main.knowledge.handbook_index, endpoint: test, sourceTable: main.knowledge.handbook, primaryKey: id, textColumn: text}
principals:
  - {displayName: operator, applicationID: %[7]s, accountAdmin: true, workspace: ADMIN, secretFile: %[8]s}
`, AccountID, WorkspaceID, WarehouseID, GenieSpaceID, EndpointName, VectorIndex, OperatorID, filepath.Join(dir, "secret"), sampleSpaceID, filepath.Join(dir, "tls.crt"))+strings.Join(more, "\n")+"\n")
	log := &bytes.Buffer{}
	cmd, out, err := run(log, binary, "--bootstrap="+filepath.Join(dir, "bootstrap.yaml"),
		"--tls-cert="+filepath.Join(dir, "tls.crt"), "--tls-key="+filepath.Join(dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the emulator's log:\n%s", log)
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the emulator did not start: %v\n%s", err, log)
	}
	var ready struct {
		Account   string `json:"account_url"`
		Workspace string `json:"workspace_url"`
		Admin     string `json:"admin_url"`
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(ca))
	return &Emulator{
		AccountURL: ready.Account, WorkspaceURL: ready.Workspace, AdminURL: ready.Admin, CA: ca, dir: dir,
		http: &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
	}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// certificate writes tls.crt and tls.key for loopback, and returns the CA bundle.
func certificate(t testing.TB, dir string) string {
	t.Helper()
	pair, err := LoopbackCertificate()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "tls.crt"), string(pair.Certificate))
	write(t, filepath.Join(dir, "tls.key"), string(pair.Key))
	return string(pair.Certificate)
}

// admin asks the admin port.
func (e *Emulator) admin(t testing.TB, method, path string, body, out any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	e.send(t, method, e.AdminURL+path, "", bytes.NewReader(raw), out)
}

func (e *Emulator) send(t testing.TB, method, url, token string, body io.Reader, out any) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := e.http.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode > 299 {
		t.Fatalf("%s %s: %d %s %v", method, url, res.StatusCode, raw, err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			t.Fatalf("%s %s: %v in %s", method, url, err, raw)
		}
	}
}

// Break orders a failure.
func (e *Emulator) Break(t testing.TB, f Fault) {
	t.Helper()
	e.admin(t, http.MethodPost, "/admin/faults", f, nil)
}

// Lag has SCIM reads see what is created only after some milliseconds.
func (e *Emulator) Lag(t testing.TB, millis int) {
	t.Helper()
	e.admin(t, http.MethodPut, "/admin/lag", map[string]int{"ms": millis}, nil)
}

// Heal ends all failures and lets held calls go.
func (e *Emulator) Heal(t testing.TB) {
	t.Helper()
	e.admin(t, http.MethodDelete, "/admin/faults", nil, nil)
	e.admin(t, http.MethodPost, "/admin/release", nil, nil)
}

// Held waits for a call to be held and says whether one is.
func (e *Emulator) Held(t testing.TB, seconds int) bool {
	t.Helper()
	return e.Holding(t, seconds) > 0
}

// Holding waits for a call to be held and says how many are.
func (e *Emulator) Holding(t testing.TB, seconds int) int {
	t.Helper()
	var holds []json.RawMessage
	e.admin(t, http.MethodGet, fmt.Sprintf("/admin/holds?wait=%d", seconds), nil, &holds)
	return len(holds)
}

// Calls are those since a number; Writes those of them that changed something.
func (e *Emulator) Calls(t testing.TB, since int64) []Call {
	t.Helper()
	var out []Call
	e.admin(t, http.MethodGet, fmt.Sprintf("/admin/calls?since=%d", since), nil, &out)
	return out
}

// Writes are the calls since a number that changed something, token requests apart.
func (e *Emulator) Writes(t testing.TB, since int64) []string {
	t.Helper()
	var out []string
	for _, c := range e.Calls(t, since) {
		if c.Committed && !strings.HasPrefix(c.Path, "/oidc/") {
			out = append(out, c.Method+" "+c.Path)
		}
	}
	return out
}

// Last is the number of the last call.
func (e *Emulator) Last(t testing.TB) int64 {
	t.Helper()
	calls := e.Calls(t, 0)
	if len(calls) == 0 {
		return 0
	}
	return calls[len(calls)-1].Seq
}

// State is what exists.
func (e *Emulator) State(t testing.TB) State {
	t.Helper()
	var out State
	e.admin(t, http.MethodGet, "/admin/state", nil, &out)
	return out
}

// Token signs in as the administrator.
func (e *Emulator) Token(t testing.TB, host string) string {
	t.Helper()
	endpoint := e.WorkspaceURL + "/oidc/v1/token"
	if host == e.AccountURL {
		endpoint = e.AccountURL + "/oidc/accounts/" + AccountID + "/v1/token"
	}
	res, err := e.http.PostForm(endpoint, url.Values{"grant_type": {"client_credentials"}, "scope": {"all-apis"}, "client_id": {OperatorID}, "client_secret": {operatorSecret}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.Token == "" {
		t.Fatalf("sign in: %d %v", res.StatusCode, err)
	}
	return out.Token
}

// Do calls as the administrator.
func (e *Emulator) Do(t testing.TB, method, host, path, body string, out any) {
	t.Helper()
	e.send(t, method, host+path, e.Token(t, host), strings.NewReader(body), out)
}

// SQL runs statements as the administrator, who owns what they create.
func (e *Emulator) SQL(t testing.TB, statements ...string) {
	t.Helper()
	token := e.Token(t, e.WorkspaceURL)
	for _, s := range statements {
		raw, err := json.Marshal(map[string]string{"warehouse_id": WarehouseID, "statement": s, "wait_timeout": "50s"})
		if err != nil {
			t.Fatal(err)
		}
		var out struct {
			Status struct {
				State string          `json:"state"`
				Error json.RawMessage `json:"error"`
			} `json:"status"`
		}
		e.send(t, http.MethodPost, e.WorkspaceURL+"/api/2.0/sql/statements", token, bytes.NewReader(raw), &out)
		if out.Status.State != "SUCCEEDED" {
			t.Fatalf("%s: %s %s", s, out.Status.State, out.Status.Error)
		}
	}
}

// Grants are the privileges that a principal holds directly on an object.
func (e *Emulator) Grants(t testing.TB, kind, name, principal string) []string {
	t.Helper()
	return e.AllGrants(t, kind, name)[principal]
}

// AllGrants are the privileges that are held directly on an object, by the name of who
// holds them, which is the application id of a service principal.
func (e *Emulator) AllGrants(t testing.TB, kind, name string) map[string][]string {
	t.Helper()
	var out struct {
		List []struct {
			Principal  string   `json:"principal"`
			Privileges []string `json:"privileges"`
		} `json:"privilege_assignments"`
	}
	e.Do(t, http.MethodGet, e.WorkspaceURL, "/api/2.1/unity-catalog/permissions/"+kind+"/"+name, "", &out)
	all := map[string][]string{}
	for _, a := range out.List {
		all[a.Principal] = a.Privileges
	}
	return all
}

// Kinds of objects with an access control list, as they stand in the URL.
const (
	KindWarehouse       = "warehouses"
	KindGenieSpace      = "genie"
	KindServingEndpoint = "serving-endpoints"
)

// permissions is where the access control list of an object is. A serving endpoint goes by its name.
func (e *Emulator) permissions(t testing.TB, kind, name string) string {
	t.Helper()
	if kind == KindServingEndpoint {
		var endpoint struct {
			ID string `json:"id"`
		}
		e.Do(t, http.MethodGet, e.WorkspaceURL, "/api/2.0/serving-endpoints/"+name, "", &endpoint)
		name = endpoint.ID
	}
	return "/api/2.0/permissions/" + kind + "/" + name
}

// Permissions are the levels that principals hold directly on an object, by
// application id, user name or name of the group.
func (e *Emulator) Permissions(t testing.TB, kind, name string) map[string]string {
	t.Helper()
	var out struct {
		List []struct {
			ServicePrincipal string `json:"service_principal_name"`
			User             string `json:"user_name"`
			Group            string `json:"group_name"`
			All              []struct {
				Level     string `json:"permission_level"`
				Inherited bool   `json:"inherited"`
			} `json:"all_permissions"`
		} `json:"access_control_list"`
	}
	e.Do(t, http.MethodGet, e.WorkspaceURL, e.permissions(t, kind, name), "", &out)
	found := map[string]string{}
	for _, entry := range out.List {
		for _, p := range entry.All {
			if !p.Inherited {
				found[entry.ServicePrincipal+entry.User+entry.Group] = p.Level
			}
		}
	}
	return found
}

// Permit gives levels on an object, each to one group or service principal, and with
// replace takes all others away.
func (e *Emulator) Permit(t testing.TB, kind, name string, replace bool, groups, principals map[string]string) {
	t.Helper()
	list := []map[string]string{}
	for field, levels := range map[string]map[string]string{"group_name": groups, "service_principal_name": principals} {
		for who, level := range levels {
			list = append(list, map[string]string{field: who, "permission_level": level})
		}
	}
	raw, err := json.Marshal(map[string]any{"access_control_list": list})
	if err != nil {
		t.Fatal(err)
	}
	method := map[bool]string{true: http.MethodPut, false: http.MethodPatch}[replace]
	e.Do(t, method, e.WorkspaceURL, e.permissions(t, kind, name), string(raw), nil)
}
