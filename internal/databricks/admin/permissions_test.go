// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go/service/iam"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

type entries = []admin.Permission

// accessList stands in for one object of a kind, which exists at a path, and for
// the endpoint that its id is looked up by. Before each call it does what hook does.
type accessList struct {
	*service
	at       string
	endpoint string // the answer of the endpoint's look-up
	entries  entries
	hook     func(call string)
}

const admins = `{"group_name":"admins","all_permissions":[{"permission_level":"CAN_MANAGE","inherited":true}]}`

func newAccessList(t *testing.T, at string, have ...admin.Permission) *accessList {
	t.Helper()
	l := &accessList{at: at, endpoint: `{"id":"e1","name":"chat"}`, entries: have, hook: func(string) {}}
	l.service = newService(t, l.serve)
	return l
}

func (l *accessList) serve(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	body := l.bodies[len(l.bodies)-1]
	l.mu.Unlock()
	l.hook(r.Method + " " + r.URL.Path)
	switch {
	case r.URL.Path == "/api/2.0/serving-endpoints/chat" && l.endpoint != "":
		_, _ = io.WriteString(w, l.endpoint)
		return
	case r.URL.Path != l.at:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"There is no such object."}`)
		return
	}
	var in struct {
		List []iam.AccessControlRequest `json:"access_control_list"`
	}
	if r.Method != http.MethodGet && (json.Unmarshal([]byte(body), &in) != nil || in.List == nil) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var list entries
	for _, e := range in.List {
		list = append(list, admin.Permission{
			UserName: e.UserName, GroupName: e.GroupName, ServicePrincipalName: e.ServicePrincipalName, Level: string(e.PermissionLevel),
		})
	}
	switch r.Method {
	case http.MethodPut:
		l.entries = list
	case http.MethodPatch:
		for _, e := range list {
			l.upsert(e)
		}
	}
	_, _ = io.WriteString(w, l.text())
}

// upsert is what PATCH does: each principal has one level.
func (l *accessList) upsert(e admin.Permission) {
	l.entries = append(slices.DeleteFunc(slices.Clone(l.entries), func(o admin.Permission) bool {
		o.Level = e.Level
		return o == e
	}), e)
}

func (l *accessList) text() string {
	list := []string{admins}
	for _, e := range l.entries {
		raw, _ := json.Marshal(map[string]string{"user_name": e.UserName, "group_name": e.GroupName, "service_principal_name": e.ServicePrincipalName})
		list = append(list, strings.TrimSuffix(string(raw), "}")+fmt.Sprintf(`,"all_permissions":[{"permission_level":%q,"inherited":false}]}`, e.Level))
	}
	return fmt.Sprintf(`{"object_id":"/o","access_control_list":[%s]}`, strings.Join(list, ","))
}

func (l *accessList) holds(t *testing.T, want ...admin.Permission) {
	t.Helper()
	sorted := cmpopts.SortSlices(func(a, b admin.Permission) bool { return fmt.Sprint(a) < fmt.Sprint(b) })
	if diff := cmp.Diff(want, l.entries, sorted, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func sp(name, level string) admin.Permission {
	return admin.Permission{ServicePrincipalName: name, Level: level}
}

var (
	ann  = admin.Permission{UserName: "ann@example.com", Level: "CAN_MANAGE"}
	team = admin.Permission{GroupName: "team", Level: "CAN_MANAGE"}
)

// objects are one of each kind: where its list is, the level to use it and what includes that.
var objects = map[string]struct {
	object    admin.Object
	path, use string
	more      []string
	other     []string // levels of the kind that do not let anybody use it
}{
	"warehouse":        {admin.Object{Kind: admin.Warehouses, Name: "w1"}, "/api/2.0/permissions/warehouses/w1", "CAN_USE", []string{"CAN_MANAGE", "IS_OWNER"}, []string{"CAN_VIEW", "CAN_MONITOR"}},
	"Genie space":      {admin.Object{Kind: admin.GenieSpaces, Name: "s1"}, "/api/2.0/permissions/genie/s1", "CAN_RUN", []string{"CAN_EDIT", "CAN_MANAGE"}, []string{"CAN_READ"}},
	"serving endpoint": {admin.Object{Kind: admin.ServingEndpoints, Name: "chat"}, "/api/2.0/permissions/serving-endpoints/e1", "CAN_QUERY", []string{"CAN_MANAGE"}, []string{"CAN_VIEW"}},
	"Genie space that is only seen": {
		admin.Object{Kind: admin.GenieSpaces, Name: "s1", Level: "CAN_READ"}, "/api/2.0/permissions/genie/s1", "CAN_READ", []string{"CAN_RUN", "CAN_EDIT", "CAN_MANAGE"}, nil,
	},
	"serving endpoint that is only seen": {
		admin.Object{Kind: admin.ServingEndpoints, Name: "chat", Level: "CAN_VIEW"}, "/api/2.0/permissions/serving-endpoints/e1", "CAN_VIEW", []string{"CAN_QUERY", "CAN_MANAGE"}, nil,
	},
}

func TestALevelThatIsNotGivenIsRefused(t *testing.T) {
	l := newAccessList(t, objects["warehouse"].path, ann)
	err := l.client(t).GrantObject(t.Context(), admin.Object{Kind: admin.Warehouses, Name: "w1", Level: "CAN_MANAGE"}, "ours")
	if !fault.Is(err, fault.ClassInvalid) || len(l.calls) > 0 {
		t.Errorf("%v after %v", err, l.calls)
	}
}

func TestAnObjectIsGrantedAndRevoked(t *testing.T) {
	for name, o := range objects {
		t.Run(name, func(t *testing.T) {
			l := newAccessList(t, o.path, ann, team, sp("other", o.use))
			c := l.client(t)
			for range 2 { // twice is once
				if err := c.GrantObject(t.Context(), o.object, "ours"); err != nil {
					t.Fatal(err)
				}
				l.holds(t, ann, team, sp("other", o.use), sp("ours", o.use))
			}
			got, err := c.ObjectPermissions(t.Context(), o.object)
			if want := (entries{team, ann, sp("other", o.use), sp("ours", o.use)}); err != nil || cmp.Diff(want, got) != "" {
				t.Errorf("%v: %s", err, cmp.Diff(want, got))
			}
			for range 2 {
				if err := c.RevokeObject(t.Context(), o.object, "ours"); err != nil {
					t.Fatal(err)
				}
				l.holds(t, ann, team, sp("other", o.use))
			}
			writes := slices.DeleteFunc(slices.Clone(l.calls), func(call string) bool { return strings.HasPrefix(call, "GET ") })
			if diff := cmp.Diff([]string{"PATCH " + o.path, "PUT " + o.path}, writes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheLastEntryIsRevoked(t *testing.T) {
	l := newAccessList(t, objects["warehouse"].path, sp("ours", "CAN_USE"))
	if err := l.client(t).RevokeObject(t.Context(), objects["warehouse"].object, "ours"); err != nil {
		t.Fatal(err)
	}
	l.holds(t)
}

func TestAHigherLevelIsNeitherLoweredNorTakenAway(t *testing.T) {
	for name, o := range objects {
		for _, level := range o.more {
			l := newAccessList(t, o.path, ann, sp("ours", level))
			for what, do := range map[string]error{
				"grant":  l.client(t).GrantObject(t.Context(), o.object, "ours"),
				"revoke": l.client(t).RevokeObject(t.Context(), o.object, "ours"),
			} {
				if do != nil {
					t.Errorf("%s on a %s with %s: %v", what, name, level, do)
				}
			}
			l.holds(t, ann, sp("ours", level))
		}
		for _, level := range o.other {
			l := newAccessList(t, o.path, ann, sp("ours", level))
			if err := l.client(t).GrantObject(t.Context(), o.object, "ours"); err != nil {
				t.Errorf("%s with %s: %v", name, level, err)
			}
			l.holds(t, ann, sp("ours", o.use))
		}
	}
}

// TestRevokingWhileOthersWrite lets somebody else change the list at one moment: at
// the reads that come before the write, and at the one after it.
func TestRevokingWhileOthersWrite(t *testing.T) {
	const use = "CAN_USE"
	o, late := objects["warehouse"], sp("late", use)
	get := "GET " + o.path
	for name, c := range map[string]struct {
		at     int // the read before which it happens
		change func(l *accessList)
		want   entries
		writes int
	}{
		"an entry that was added before the write stays": {2, func(l *accessList) { l.upsert(late) }, entries{ann, team, late}, 1},
		"an entry that was added after the write stays":  {3, func(l *accessList) { l.upsert(late) }, entries{ann, team, late}, 1},
		"an entry that was removed before the write stays away": {
			2, func(l *accessList) { l.entries = entries{team, sp("ours", use)} }, entries{team}, 1,
		},
		"an entry that was removed after the write stays away": {3, func(l *accessList) { l.entries = entries{team} }, entries{team}, 1},
		"a level that was changed before the write stays": {
			2, func(l *accessList) { l.upsert(admin.Permission{UserName: ann.UserName, Level: "CAN_VIEW"}) },
			entries{{UserName: ann.UserName, Level: "CAN_VIEW"}, team}, 1,
		},
		"our entry, written back from an old read, is taken away again": {
			3, func(l *accessList) { l.entries = entries{ann, team, late, sp("ours", use)} }, entries{ann, team, late}, 2,
		},
		"our entry, taken away by somebody, is no reason to write": {2, func(l *accessList) { l.entries = entries{ann, team} }, entries{ann, team}, 0},
		"our entry, raised by somebody, is theirs":                 {2, func(l *accessList) { l.upsert(sp("ours", "CAN_MANAGE")) }, entries{ann, team, sp("ours", "CAN_MANAGE")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := newAccessList(t, o.path, ann, team, sp("ours", use))
			reads := 0
			l.hook = func(call string) {
				if call != get {
					return
				}
				if reads++; reads == c.at {
					c.change(l)
				}
			}
			if err := l.client(t).RevokeObject(t.Context(), o.object, "ours"); err != nil {
				t.Fatal(err)
			}
			l.holds(t, c.want...)
			if got := len(slices.DeleteFunc(slices.Clone(l.calls), func(call string) bool { return call == get })); got != c.writes {
				t.Errorf("%d writes, want %d: %v", got, c.writes, l.calls)
			}
		})
	}
}

func TestRevokingEndsWhenTheListNeverRests(t *testing.T) {
	o := objects["warehouse"]
	for name, hook := range map[string]func(l *accessList, n int){
		"others come and go":           func(l *accessList, n int) { l.upsert(sp(fmt.Sprint("late-", n), "CAN_USE")) },
		"our entry is always put back": func(l *accessList, _ int) { l.upsert(sp("ours", "CAN_USE")) },
	} {
		l, n := newAccessList(t, o.path, ann, sp("ours", "CAN_USE")), 0
		l.hook = func(string) { n++; hook(l, n) }
		if err := l.client(t).RevokeObject(t.Context(), o.object, "ours"); !fault.Is(err, fault.ClassTransient) || len(l.calls) > 20 {
			t.Errorf("%s: %v after %d calls", name, err, len(l.calls))
		}
	}
}

func TestAMissingObjectIsWaitedForAndHasNothingToRevoke(t *testing.T) {
	const nobody = `{"object_id":"/o","object_type":"o","access_control_list":[]}`
	missing := wiretest.Answers(404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"x"}`)
	for name, o := range objects {
		for form, answer := range map[string]http.HandlerFunc{
			"404": missing,
			"an empty list": func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/api/2.0/serving-endpoints/") {
					_, _ = io.WriteString(w, `{"id":"e1","name":"chat"}`)
					return
				}
				_, _ = io.WriteString(w, nobody)
			},
		} {
			s := newService(t, answer)
			c := s.client(t)
			_, err := c.ObjectPermissions(t.Context(), o.object)
			for what, err := range map[string]error{"read": err, "grant": c.GrantObject(t.Context(), o.object, "ours")} {
				if f := fault.Of(err); f == nil || f.Class != fault.ClassWaiting || f.Reason != wire.ReasonSecurableNotFound {
					t.Errorf("%s a missing %s, %s: %v", what, name, form, err)
				}
			}
			if err := c.RevokeObject(t.Context(), o.object, "ours"); err != nil {
				t.Errorf("revoke on a missing %s, %s: %v", name, form, err)
			}
			if slices.ContainsFunc(s.calls, func(call string) bool { return !strings.HasPrefix(call, "GET ") }) {
				t.Errorf("a missing %s, %s, was written: %v", name, form, s.calls)
			}
		}
	}
}

// TestAnUnknownPrincipalIsNotAMissingObject: the API answers both with 404.
func TestAnUnknownPrincipalIsNotAMissingObject(t *testing.T) {
	o := objects["Genie space"]
	for name, c := range map[string]struct {
		status  int
		message string
	}{
		"404":                {404, "Principal: ServicePrincipalName(x) does not exist"},
		"400":                {400, "Principal: ServicePrincipalName(x) does not exist."},
		"404 in other words": {404, "Nobody is called x"},
	} {
		l := newAccessList(t, o.path, ann, sp("theirs", "CAN_RUN"))
		l.answer = func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				l.serve(w, r)
				return
			}
			wiretest.Answers(c.status, fmt.Sprintf(`{"error_code":"RESOURCE_DOES_NOT_EXIST","message":%q}`, c.message))(w, r)
		}
		err := l.client(t).GrantObject(t.Context(), o.object, "ours")
		if f := fault.Of(err); f == nil || f.Class != fault.ClassWaiting || f.Reason != wire.ReasonPrincipalNotVisible {
			t.Errorf("%s: grant: %v", name, err)
		}
		if err := l.client(t).RevokeObject(t.Context(), o.object, "theirs"); !fault.Is(err, fault.ClassWaiting) {
			t.Errorf("%s: an entry that could not be taken away is taken for gone: %v", name, err)
		}
	}
}

func TestAnEndpointIsLookedUpEachTime(t *testing.T) {
	o := objects["serving endpoint"].object
	l := newAccessList(t, "/api/2.0/permissions/serving-endpoints/e1")
	c := l.client(t)
	if err := c.GrantObject(t.Context(), o, "ours"); err != nil {
		t.Fatal(err)
	}
	// Deleted and made anew under its name: another id, and an access list of its own.
	l.at, l.endpoint, l.entries = "/api/2.0/permissions/serving-endpoints/e2", `{"id":"e2","name":"chat"}`, entries{ann}
	if got, err := c.ObjectPermissions(t.Context(), o); err != nil || !slices.Equal(got, entries{ann}) {
		t.Errorf("got %v, %v", got, err)
	}
	if err := c.GrantObject(t.Context(), o, "ours"); err != nil {
		t.Fatal(err)
	}
	l.holds(t, ann, sp("ours", "CAN_QUERY"))
	for _, odd := range []string{`{}`, `{"id":"","name":"chat"}`, `{"id":"e2","name":"other"}`, `{"id":"../warehouses/w1","name":"chat"}`} {
		l.endpoint = odd
		if err := c.RevokeObject(t.Context(), o, "ours"); !fault.Is(err, fault.ClassTransient) {
			t.Errorf("%s: %v", odd, err)
		}
	}
	l.holds(t, ann, sp("ours", "CAN_QUERY"))
}

func TestGrantsAndRevocationsOfOneObjectAreOneAfterTheOther(t *testing.T) {
	o := objects["warehouse"]
	var have entries
	for i := range 8 {
		have = append(have, sp(fmt.Sprint("old-", i), o.use))
	}
	l := newAccessList(t, o.path, have...)
	c, done := l.client(t), make(chan error)
	for i := range 8 {
		go func() { done <- c.RevokeObject(t.Context(), o.object, fmt.Sprint("old-", i)) }()
		go func() { done <- c.GrantObject(t.Context(), o.object, fmt.Sprint("new-", i)) }()
	}
	for range 16 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	var want entries
	for i := range 8 {
		want = append(want, sp(fmt.Sprint("new-", i), o.use))
	}
	l.holds(t, want...)
}

func TestGrantsOnAConnection(t *testing.T) {
	s := newService(t, wiretest.Answers(200, `{"privilege_assignments":[{"principal":"p","privileges":["USE CONNECTION"]},{"principal":"","privileges":["USE_CONNECTION"]}]}`))
	c, connection := s.client(t), admin.Securable{Type: "connection", Name: "crm-api"}
	if got, err := c.Grants(t.Context(), connection, "p"); err != nil || !slices.Equal(got, []string{"USE_CONNECTION"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := c.Grants(t.Context(), connection, ""); err != nil || len(got) > 0 {
		t.Errorf("nobody holds %v, %v", got, err)
	}
	if err := c.ChangeGrants(t.Context(), connection, "p", []string{"USE_CONNECTION"}, nil); err != nil {
		t.Error(err)
	}
	const at = "/api/2.1/unity-catalog/permissions/connection/crm-api"
	if diff := cmp.Diff([]string{"GET " + at + "?principal=p", "GET " + at, "PATCH " + at}, s.calls); diff != "" {
		t.Error(diff)
	}
	if want := `{"changes":[{"add":["USE_CONNECTION"],"principal":"p"}],"omit_permissions_in_response":true}`; s.bodies[2] != want {
		t.Errorf("sent %s, want %s", s.bodies[2], want)
	}
	s.answer = wiretest.Answers(404, `{"error_code":"CONNECTION_DOES_NOT_EXIST","message":"x"}`)
	if _, err := c.Grants(t.Context(), connection, "p"); fault.Of(err) == nil || fault.Of(err).Reason != wire.ReasonSecurableNotFound {
		t.Errorf("got %v", err)
	}
	if err := c.RevokeGrants(t.Context(), connection, "p", []string{"USE_CONNECTION"}); err != nil {
		t.Error(err)
	}
}
