// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine_test

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/upstream"
)

const credential = "very-secret-credential"

// recorder is an upstream that echoes what it was asked, credential and all.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func (u *recorder) calls() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]string{}, u.seen...)
}

// withUpstream lets the engine call an upstream that a private authority signs for.
func (b bench) withUpstream() *recorder {
	b.t.Helper()
	u := &recorder{}
	u.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		u.mu.Lock()
		u.seen = append(u.seen, fmt.Sprintf("%s %s %s %s %s", r.Method, r.URL.RequestURI(), body, r.Header.Get("Authorization"), r.Header.Get("Accept")))
		u.mu.Unlock()
		switch {
		case strings.HasSuffix(r.URL.Path, "/missing"):
			w.WriteHeader(http.StatusNotFound)
		case strings.HasSuffix(r.URL.Path, "/away"):
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case strings.HasSuffix(r.URL.Path, "/reset"):
			panic(http.ErrAbortHandler)
		case strings.HasSuffix(r.URL.Path, "/large"):
			_, _ = w.Write(make([]byte, upstream.MaxBody+1))
		case strings.HasSuffix(r.URL.Path, "/count"):
			_, _ = w.Write([]byte(`{"total_count":7}`))
		case strings.HasSuffix(r.URL.Path, "/echo"):
			_ = json.NewEncoder(w).Encode(map[string]string{"authorization": r.Header.Get("Authorization")})
		default:
			_, _ = w.Write([]byte(`{"ok":"<1>"}`))
		}
	}))
	b.t.Cleanup(u.Close)
	roots := x509.NewCertPool()
	roots.AddCert(u.Certificate())
	b.engine.HTTP = upstream.New(upstream.Options{Roots: roots})
	b.engine.Secrets = scope{}
	return u
}

// scope is a secret store with one secret, which west may not read.
type scope struct{}

func (scope) Secret(principal, scope, key string) (string, bool) {
	return credential, principal != "west" && scope == "scope" && key == "key"
}

func (b bench) connect(u *recorder, names ...string) {
	b.t.Helper()
	at, err := url.Parse(u.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, n := range names {
		b.run("admin", fmt.Sprintf("CREATE CONNECTION %s TYPE HTTP OPTIONS (host 'https://%s', port '%s', base_path '/v1', bearer_token secret('scope','key'))", n, at.Hostname(), at.Port()))
	}
}

func TestHTTPRequestChecksTheConnectionAndInjectsItsCredential(t *testing.T) {
	b := open(t, "").build()
	u := b.withUpstream()
	b.connect(u, "gh")
	const q = "SELECT http_request(conn => 'gh', method => 'GET', path => '/search', params => map('q','a b&c'), headers => map('Accept','text/x')) AS r"
	b.refused("west", q, "42501")
	b.run("admin", "GRANT ALL PRIVILEGES ON CATALOG main TO west")
	b.refused("west", q, "42501") // connections inherit nothing
	b.refused("west", "SELECT http_request(conn => 'gh', method => 'GET', path => '/') FROM main.sales.deals WHERE false", "42501")
	if len(u.calls()) != 0 {
		t.Fatalf("called in spite of a refusal: %q", u.calls())
	}
	b.run("admin", "GRANT USE CONNECTION ON CONNECTION gh TO sales_west")
	b.want("west", q, `{"status_code":200,"text":"{\"ok\":\"<1>\"}"}`)
	if want := "GET /v1/search?q=a+b%26c  Bearer " + credential + " text/x"; len(u.calls()) != 1 || u.calls()[0] != want {
		t.Errorf("the upstream saw %q, want once %q", u.calls(), want)
	}
	b.want("west", "SELECT r.status_code, r.text FROM (SELECT http_request(conn => 'gh', method => 'POST', path => '/missing', json => to_json(named_struct('a', 1))) AS r)", "404|")
	if got := u.calls(); len(got) != 2 || !strings.HasPrefix(got[1], `POST /v1/missing {"a":1} `) {
		t.Errorf("the upstream saw %q", got)
	}
	b.want("west", "SELECT http_request(conn => 'gh', method => 'GET', path => '/away').status_code", "302")
	b.want("admin", "SELECT http_request(conn => 'gh', method => 'GET', path => '/').status_code AS s", "200") // the owner
	b.run("admin", "REVOKE USE CONNECTION ON CONNECTION gh FROM sales_west")
	n := len(u.calls())
	b.refused("west", q, "42501")
	if len(u.calls()) != n {
		t.Error("a revoked privilege was still used")
	}
}

func TestHTTPRequestBindsParameters(t *testing.T) {
	b := open(t, "").build()
	u := b.withUpstream()
	b.connect(u, "gh")
	value := func(s string) *string { return &s }
	b.run("admin", "SELECT http_request(conn => :c, method => 'GET', path => :p, params => map('q', :q))",
		sqlengine.Param{Name: "c", Value: value("gh")}, sqlengine.Param{Name: "p", Value: value("/x")}, sqlengine.Param{Name: "q", Value: value("' OR 1")})
	if got := u.calls(); len(got) != 1 || !strings.HasPrefix(got[0], "GET /v1/x?q=%27+OR+1 ") {
		t.Errorf("the upstream saw %q", got)
	}
	b.want("admin", "SELECT count(*) FROM (SELECT http_request(conn => 'gh', method => 'GET', path => '/' || id).status_code AS s FROM main.sales.viewers v JOIN (SELECT 'x' AS id) ON true)", "1")
}

func TestTheCredentialIsNowhere(t *testing.T) {
	b := open(t, "").build()
	u := b.withUpstream()
	b.connect(u, "gh")
	b.want("admin", "SELECT http_request(conn => 'gh', method => 'GET', path => '/echo').text", "{\"authorization\":\"Bearer [redacted]\"}\n")
	for _, q := range []string{
		"SELECT http_request(conn => 'gh', method => 'GET', path => '/reset')", "SELECT http_request(conn => 'gh', method => 'GET', path => '/large')",
		"CREATE CONNECTION gh TYPE HTTP OPTIONS (host 'https://x', bearer_token '" + credential + "')",
		"CREATE CONNECTION other TYPE HTTP OPTIONS (host 'ftp://x', bearer_token '" + credential + "')",
		"CREATE CONNECTION other TYPE HTTP OPTIONS (host 'https://x', bearer_tokn '" + credential + "')",
	} {
		_, err := b.try("admin", q)
		if err == nil || strings.Contains(err.Error(), credential) || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", q, err)
		}
	}
	o := b.engine.Store.List(metastore.TypeConnection, metastore.Securable{})
	if len(o) != 1 || strings.Contains(fmt.Sprintf("%v %+v %#v", o, o, o), credential) {
		t.Errorf("the credential is printed: %v", o)
	}
}

func TestHTTPRequestRefusesWhatLeadsAway(t *testing.T) {
	b := open(t, "").build()
	u := b.withUpstream()
	b.connect(u, "gh")
	call := func(arguments string) string {
		return "SELECT http_request(conn => 'gh', method => 'GET', path => '/x', " + arguments + ")"
	}
	path := func(p string) string {
		return "SELECT http_request(conn => 'gh', method => 'GET', path => '" + p + "')"
	}
	for q, state := range map[string]string{
		path("../admin"): "22023", path("/a/../../b"): "22023", path("/a/%2e%2e/b"): "22023", path("/a/%252e%252e/b"): "22023", path("//evil.example/x"): "22023",
		path("https://evil.example/x"): "22023", path(`/a\\b`): "22023", path("/a%5cb"): "22023", path("/a%0d%0aX: y"): "22023", path(`/a\nb`): "22023", path("/a?b=c"): "22023",
		path("/a#b"): "22023", path("/a%2f%2e%2e%2fb"): "22023", path("/%zz"): "22023",
		call("headers => map('Authorization','x')"):                                                     "22023",
		call("headers => map('Host','x')"):                                                              "22023",
		call("headers => map('Cookie','x')"):                                                            "22023",
		call("headers => map('X-Databricks-Org-Id','x')"):                                               "22023",
		call(`headers => map('A','x\nB: y')`):                                                           "22023",
		call("path => '/y'"):                                                                            "4274K",
		call("body => 'x'"):                                                                             "4274K",
		"SELECT http_request('gh', 'GET', '/x')":                                                        "4274K",
		"SELECT http_request(conn => 'gh', path => '/x')":                                               "4274K",
		"SELECT http_request(conn => 'gh', method => 'TRACE', path => '/x')":                            "22023",
		"SELECT http_request(conn => 'none', method => 'GET', path => '/x')":                            "42704",
		"SELECT http_request(conn => lower('GH'), method => 'GET', path => '/x')":                       "42K08",
		"SELECT http_request(conn => 'gh', method => 'GET', path => NULL)":                              "22004",
		"SELECT __gh_http_request('', 0, 'GET', '/x', NULL, NULL, NULL)":                                "42601",
		"SELECT `__gh_http_request`('', 0, 'GET', '/x', NULL, NULL, NULL)":                              "0A000",
		"CREATE CONNECTION x TYPE HTTP OPTIONS (host 'http://127.0.0.1', bearer_token 'x')":             "22023",
		"CREATE CONNECTION x TYPE HTTP OPTIONS (host 'https://u:p@x', bearer_token 'x')":                "22023",
		"CREATE CONNECTION x TYPE HTTP OPTIONS (host 'https://x/y', bearer_token 'x')":                  "22023",
		"CREATE CONNECTION x TYPE HTTP OPTIONS (host 'https://x')":                                      "22023",
		"CREATE CONNECTION x TYPE MYSQL OPTIONS (host 'x')":                                             "0A000",
		"CREATE CONNECTION x TYPE HTTP OPTIONS (host 'https://x', bearer_token secret('scope','none'))": "42704",
	} {
		b.refused("admin", q, state)
	}
	if len(u.calls()) != 0 {
		t.Errorf("the upstream was called: %q", u.calls())
	}
	b.refused("admin", "SELECT http_request(conn => 'gh', method => 'GET', path => '/reset')", "57012")
	b.refused("admin", "SELECT http_request(conn => 'gh', method => 'GET', path => '/large')", "57012")
	b.refused("admin", "SELECT http_request(conn => 'gh', method => 'GET', path => '/x'), x FROM VALUES (1) AS t(x) LATERAL VIEW explode(split_part('a','b',1)) v AS y", "42K09")
}

func TestWhoMayMakeConnectionsAndFunctionsThatUseThem(t *testing.T) {
	b := open(t, "").build()
	u := b.withUpstream()
	b.connect(u, "gh")
	const create = "CREATE CONNECTION mine TYPE HTTP OPTIONS (host 'https://x.example', bearer_token 'x')"
	b.refused("west", create, "42501")
	b.run("admin", "GRANT CREATE CONNECTION ON METASTORE TO sales_west")
	b.refused("west", strings.ReplaceAll(create, "'x')", "secret('scope','key'))"), "42704") // not a reader of the scope
	b.run("west", create)
	b.refused("east", "DROP CONNECTION mine", "42501")
	b.refused("east", "GRANT USE CONNECTION ON CONNECTION mine TO east", "42501")
	b.refused("east", "SHOW GRANTS ON CONNECTION mine", "42501")
	b.run("west", "GRANT USE CONNECTION ON CONNECTION mine TO east")
	b.want("west", "SHOW GRANTS ON CONNECTION mine", "east|USE CONNECTION|CONNECTION|mine")
	b.refused("west", "GRANT SELECT ON CONNECTION mine TO east", "42000")
	b.run("west", "DROP CONNECTION mine")
	// A function uses a connection with the rights of its owner, as long as it has them.
	b.run("admin", "GRANT CREATE FUNCTION ON SCHEMA main.sales TO sales_west")
	b.run("admin", "GRANT USE CONNECTION ON CONNECTION gh TO west")
	b.run("west", "CREATE FUNCTION main.sales.ask(p STRING) RETURNS INT RETURN http_request(conn => 'gh', method => 'GET', path => p).status_code")
	if len(u.calls()) != 0 {
		t.Error("creating a function made a call")
	}
	b.run("admin", "GRANT EXECUTE ON FUNCTION main.sales.ask TO east")
	b.want("east", "SELECT main.sales.ask('/x') AS s", "200")
	b.refused("east", "SELECT http_request(conn => 'gh', method => 'GET', path => '/x')", "42501")
	b.run("admin", "REVOKE USE CONNECTION ON CONNECTION gh FROM west")
	b.refused("east", "SELECT main.sales.ask('/x')", "42501")
}

func TestAStatementMakesABoundedNumberOfCalls(t *testing.T) {
	b := open(t, "").build()
	u := b.withUpstream()
	b.connect(u, "gh")
	rows := strings.TrimSuffix(strings.Repeat("(1),", 101), ",")
	b.refused("admin", "SELECT http_request(conn => 'gh', method => 'GET', path => '/x').status_code + x FROM VALUES "+rows+" AS t(x)", "54000")
	if n := len(u.calls()); n != 100 {
		t.Errorf("%d calls, want 100", n)
	}
}

func TestDroppingAConnectionLeavesCatalogsAlone(t *testing.T) {
	b := open(t, "").build()
	u := b.withUpstream()
	b.connect(u, "main")
	b.run("admin", "DROP CONNECTION main")
	b.want("boss", "SELECT count(*) FROM main.sales.deals", "2")
}
