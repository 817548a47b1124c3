// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

const long = time.Hour

var table = admin.Securable{Type: "table", Name: "a.b.c"}

// TestOneReadingServesAllWhoAsk: callers at the same time and later ones share it, and
// who gives up does not end it for the others.
func TestOneReadingServesAllWhoAsk(t *testing.T) {
	release := make(chan struct{})
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, `{"privilege_assignments":[{"principal":"p","privileges":["SELECT"]},{"principal":"q","privileges":["USE SCHEMA"]}]}`)
	})
	c := s.client(t)
	impatient, giveUp := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := c.Recent(long).Grants(impatient, table, "p")
		gone <- err
	}()
	for len(s.made()) == 0 {
		time.Sleep(time.Millisecond)
	}
	giveUp()
	if err := <-gone; err == nil {
		t.Error("who gave up was answered")
	}
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			who, want := "p", "SELECT"
			if i%2 == 0 {
				who, want = "q", "USE_SCHEMA"
			}
			if got, err := c.Recent(long).Grants(t.Context(), table, who); err != nil || !slices.Equal(got, []string{want}) {
				t.Errorf("%s holds %v %v", who, got, err)
			}
		})
	}
	close(release)
	group.Wait()
	if got, err := c.Recent(long).Grants(t.Context(), table, "nobody"); err != nil || len(got) > 0 {
		t.Errorf("nobody holds %v %v", got, err)
	}
	if calls := s.made(); len(calls) != 1 {
		t.Errorf("calls: %v, want 1", calls)
	}
	if _, err := c.Recent(0).Grants(t.Context(), table, "p"); err != nil || len(s.made()) != 2 {
		t.Errorf("an answer that may have no age: %v, %d calls, want 2", err, len(s.made()))
	}
	time.Sleep(20 * time.Millisecond)
	if _, err := c.Recent(10*time.Millisecond).Grants(t.Context(), table, "p"); err != nil || len(s.made()) != 3 {
		t.Errorf("an answer that is too old: %v, %d calls, want 3", err, len(s.made()))
	}
}

// made are the calls so far.
func (s *service) made() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// TestAWriteDuringAReading: what a reading that began before a write says of what was
// written to is not told, and what it says of the rest is.
func TestAWriteDuringAReading(t *testing.T) {
	reading, release := make(chan struct{}), make(chan struct{})
	var held atomic.Value
	held.Store("SELECT")
	first := true
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			held.Store("MODIFY")
			_, _ = io.WriteString(w, `{}`)
			return
		}
		answer := fmt.Sprintf(`{"privilege_assignments":[{"principal":"p","privileges":[%q]},{"principal":"q","privileges":["SELECT"]}]}`, held.Load())
		if first {
			first = false
			close(reading)
			<-release
		}
		_, _ = io.WriteString(w, answer)
	})
	c := s.client(t)
	got := make(chan []string)
	go func() {
		list, err := c.Recent(long).Grants(t.Context(), table, "p")
		if err != nil {
			t.Error(err)
		}
		got <- list
	}()
	<-reading
	if err := c.ChangeGrants(t.Context(), table, "p", []string{"MODIFY"}, []string{"SELECT"}); err != nil {
		t.Fatal(err)
	}
	close(release)
	if list := <-got; !slices.Equal(list, []string{"MODIFY"}) {
		t.Errorf("p holds %v after the write", list)
	}
	before := len(s.made())
	if list, err := c.Recent(long).Grants(t.Context(), table, "q"); err != nil || !slices.Equal(list, []string{"SELECT"}) || len(s.made()) != before {
		t.Errorf("q, to whom nobody wrote, holds %v %v after %d more calls", list, err, len(s.made())-before)
	}
}

// TestEveryWriteOutdatesWhatItIsTo goes through all writes that a Role makes.
func TestEveryWriteOutdatesWhatItIsTo(t *testing.T) {
	warehouse := admin.Object{Kind: admin.Warehouses, Name: "w"}
	for name, c := range map[string]struct {
		read  func(context.Context, *admin.Recent, *admin.Client) error
		write func(context.Context, *admin.Client) error
		other func(context.Context, *admin.Client) error
	}{
		"a principal by its id, renamed": {readPrincipal, func(ctx context.Context, c *admin.Client) error {
			return c.UpdateServicePrincipal(ctx, admin.ServicePrincipal{ID: "7", DisplayName: "y"})
		}, func(ctx context.Context, c *admin.Client) error {
			return c.UpdateServicePrincipal(ctx, admin.ServicePrincipal{ID: "8", DisplayName: "y"})
		}},
		"a principal by its id, deleted": {readPrincipal, func(ctx context.Context, c *admin.Client) error { return c.DeleteServicePrincipal(ctx, "7") },
			func(ctx context.Context, c *admin.Client) error { return c.DeleteServicePrincipal(ctx, "8") }},
		"principals by name, of which one was renamed": {readName, func(ctx context.Context, c *admin.Client) error {
			return c.UpdateServicePrincipal(ctx, admin.ServicePrincipal{ID: "7", DisplayName: "y"})
		}, nil},
		"principals by name, with a new one": {readName, func(ctx context.Context, c *admin.Client) error {
			_, err := c.CreateServicePrincipal(ctx, admin.ServicePrincipal{DisplayName: "x"})
			return err
		}, func(ctx context.Context, c *admin.Client) error {
			_, err := c.CreateServicePrincipal(ctx, admin.ServicePrincipal{DisplayName: "y"})
			return err
		}},
		"an assignment": {readAssigned, func(ctx context.Context, c *admin.Client) error { return c.Assign(ctx, "7") },
			func(ctx context.Context, c *admin.Client) error { return c.Assign(ctx, "8") }},
		"an assignment that ended": {readAssigned, func(ctx context.Context, c *admin.Client) error { return c.Unassign(ctx, "7") },
			func(ctx context.Context, c *admin.Client) error { return c.Unassign(ctx, "8") }},
		"a member more": {readGroup, func(ctx context.Context, c *admin.Client) error { return c.AddMember(ctx, "9", "7") },
			func(ctx context.Context, c *admin.Client) error { return c.AddMember(ctx, "10", "7") }},
		"a group with another mark": {readGroup, func(ctx context.Context, c *admin.Client) error { return c.MarkGroup(ctx, "9", "x") },
			func(ctx context.Context, c *admin.Client) error { return c.MarkGroup(ctx, "10", "x") }},
		"a member less": {readGroup, func(ctx context.Context, c *admin.Client) error { return c.RemoveMember(ctx, "9", "7") },
			func(ctx context.Context, c *admin.Client) error { return c.RemoveMember(ctx, "10", "7") }},
		"a group that went": {readGroup, func(ctx context.Context, c *admin.Client) error { return c.DeleteGroup(ctx, "9") }, nil},
		"a level given":     {readLevels(warehouse), func(ctx context.Context, c *admin.Client) error { return c.GrantObject(ctx, warehouse, "p") }, nil},
		"a level taken":     {readLevels(warehouse), func(ctx context.Context, c *admin.Client) error { return c.RevokeObject(ctx, warehouse, "p") }, nil},
		"a policy": {func(ctx context.Context, _ *admin.Recent, c *admin.Client) error {
			_, err := c.RecentPolicy(ctx, long, "7", "id")
			return err
		}, func(ctx context.Context, c *admin.Client) error {
			return c.UpdatePolicy(ctx, "7", admin.FederationPolicy{ID: "id"})
		}, func(ctx context.Context, c *admin.Client) error {
			return c.UpdatePolicy(ctx, "8", admin.FederationPolicy{ID: "id"})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, anEstate)
			client := s.client(t)
			asked := func() int {
				t.Helper()
				before := len(s.made())
				if err := c.read(t.Context(), client.Recent(long), client); err != nil {
					t.Fatal(err)
				}
				return len(s.made()) - before
			}
			if asked() == 0 || asked() != 0 {
				t.Fatal("the first reading must ask, and the second must not")
			}
			if c.other != nil {
				if err := c.other(t.Context(), client); err != nil {
					t.Fatal(err)
				}
				if n := asked(); n != 0 {
					t.Errorf("%d calls after a write to something else", n)
				}
			}
			if err := c.write(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			if asked() == 0 {
				t.Error("after the write an old answer was given")
			}
		})
	}
}

func readPrincipal(ctx context.Context, r *admin.Recent, _ *admin.Client) error {
	_, err := r.ServicePrincipal(ctx, "7")
	return err
}

func readName(ctx context.Context, r *admin.Recent, _ *admin.Client) error {
	_, err := r.ServicePrincipals(ctx, "x")
	return err
}

func readAssigned(ctx context.Context, r *admin.Recent, _ *admin.Client) error {
	_, err := r.Assigned(ctx, "7")
	return err
}

func readGroup(ctx context.Context, r *admin.Recent, _ *admin.Client) error {
	_, err := r.FindGroup(ctx, "g")
	return err
}

func readLevels(o admin.Object) func(context.Context, *admin.Recent, *admin.Client) error {
	return func(ctx context.Context, r *admin.Recent, _ *admin.Client) error {
		_, err := r.Levels(ctx, o, "p")
		return err
	}
}

// anEstate answers whatever a Role asks.
func anEstate(w http.ResponseWriter, r *http.Request) {
	at := r.URL.Path
	answer := `{}`
	switch {
	case r.Method == http.MethodPost:
		answer = `{"id":"11","applicationId":"app"}`
	case strings.HasSuffix(at, "/ServicePrincipals"):
		answer = `{"totalResults":1,"Resources":[{"id":"7","applicationId":"p","displayName":"x","active":true}]}`
	case strings.Contains(at, "/ServicePrincipals/"):
		answer = `{"id":"7","applicationId":"p","displayName":"x","active":true}`
	case strings.HasSuffix(at, "/Groups"):
		answer = `{"totalResults":1,"Resources":[{"id":"9","displayName":"g"}]}`
	case strings.Contains(at, "/Groups/"):
		answer = `{"id":"9","displayName":"g","members":[{"value":"7"}]}`
	case strings.HasSuffix(at, "/permissionassignments"):
		answer = `{"permission_assignments":[{"principal":{"principal_id":7},"permissions":["USER"]}]}`
	case strings.Contains(at, "/federationPolicies/"):
		answer = `{"policy_id":"id","oidc_policy":{"issuer":"https://i"}}`
	case strings.Contains(at, "/permissions/warehouses/"):
		answer = `{"object_id":"/warehouses/w","access_control_list":[{"group_name":"admins","all_permissions":[{"permission_level":"CAN_MANAGE","inherited":true}]}]}`
	}
	_, _ = io.WriteString(w, answer)
}

// TestTheDirectoryIsReadInPages: all of them, also where the service makes them smaller
// than asked and a row moves from one to the next meanwhile.
func TestTheDirectoryIsReadInPages(t *testing.T) {
	const total, size = 250, 100
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		start, _ := strconv.Atoi(r.URL.Query().Get("startIndex"))
		var rows []string
		for i := max(start-1, 1); i < start+size && i <= total; i++ {
			rows = append(rows, fmt.Sprintf(`{"id":"%d","displayName":"n%d","externalId":"m%d"}`, i, i%2, i))
		}
		_, _ = fmt.Fprintf(w, `{"totalResults":%d,"startIndex":%d,"Resources":[%s]}`, total, start, strings.Join(rows, ","))
	})
	r := s.client(t).Recent(long)
	for _, id := range []string{"1", "100", "101", "250"} {
		if p, err := r.ServicePrincipal(t.Context(), id); err != nil || p == nil || p.ExternalID != "m"+id {
			t.Errorf("%s is %+v %v", id, p, err)
		}
	}
	if p, err := r.ServicePrincipal(t.Context(), "251"); p != nil || err != nil {
		t.Errorf("who does not exist is %+v %v", p, err)
	}
	if list, err := r.ServicePrincipals(t.Context(), "n1"); err != nil || len(list) != total/2 {
		t.Errorf("%d have the name, want %d: %v", len(list), total/2, err)
	}
	if n := len(s.made()); n != 3 {
		t.Errorf("%d calls, want 3 pages", n)
	}
}

// TestABadAnswerIsNoEmptyList: nor is it asked for again by each who would share it.
func TestABadAnswerIsNoEmptyList(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   fault.Class
	}{
		"truncated":    {wiretest.CutShort(`{"totalResults":0,"Resources":[`), fault.ClassTransient},
		"HTML":         {wiretest.Answers(200, "<html>Sign in</html>", "Content-Type", "text/html"), fault.ClassTransient},
		"no JSON":      {wiretest.Answers(200, `{"totalResults":`), fault.ClassTransient},
		"a failure":    {wiretest.Answers(500, `{"error_code":"INTERNAL_ERROR","message":"x"}`), fault.ClassTransient},
		"rate limited": {wiretest.Answers(429, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"x"}`), fault.ClassRateLimited},
		"denied":       {wiretest.Answers(403, `{"error_code":"PERMISSION_DENIED","message":"x"}`), fault.ClassDenied},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, c.answer)
			client := s.client(t)
			r := client.Recent(long)
			for what, read := range map[string]func() error{
				"principal":  func() error { return readPrincipal(t.Context(), r, client) },
				"name":       func() error { return readName(t.Context(), r, client) },
				"assignment": func() error { return readAssigned(t.Context(), r, client) },
				"group":      func() error { return readGroup(t.Context(), r, client) },
				"levels": func() error {
					return readLevels(admin.Object{Kind: admin.Warehouses, Name: "w"})(t.Context(), r, client)
				},
				"grants": func() error { _, err := r.Grants(t.Context(), table, "p"); return err },
			} {
				if err := read(); !fault.Is(err, c.want) {
					t.Errorf("%s: %v, want a fault %s", what, err, c.want)
				}
				before := len(s.made())
				if err := read(); !fault.Is(err, c.want) || len(s.made()) != before {
					t.Errorf("%s again: %v after %d more calls", what, err, len(s.made())-before)
				}
			}
		})
	}
}

// TestWhenThereIsNoRoomForMoreAnswers those who ask for no age are answered all the
// same, and what others share stays.
func TestWhenThereIsNoRoomForMoreAnswers(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/federationPolicies/") {
			_, _ = io.WriteString(w, `{"name":"accounts/acc/servicePrincipals/7/federationPolicies/x","oidc_policy":{"issuer":"https://idp.example.com/"}}`)
			return
		}
		_, _ = io.WriteString(w, `{"privilege_assignments":[{"principal":"p","privileges":["SELECT"]}]}`)
	})
	c := s.client(t)
	if _, err := c.Recent(long).Grants(t.Context(), table, "p"); err != nil {
		t.Fatal(err)
	}
	var full error
	for i := 0; full == nil && i < 10000; i++ {
		_, full = c.RecentPolicy(t.Context(), long, "7", "id-"+strconv.Itoa(i))
	}
	if full == nil {
		t.Fatal("there is room for any number of answers")
	}
	if _, err := c.RecentPolicy(t.Context(), 0, "7", "late"); err != nil {
		t.Errorf("who asks for no age: %v", err)
	}
	before := len(s.made())
	if got, err := c.Recent(long).Grants(t.Context(), table, "p"); err != nil || !slices.Equal(got, []string{"SELECT"}) || len(s.made()) != before {
		t.Errorf("what is shared was asked for again: %v %v, %d calls more", got, err, len(s.made())-before)
	}
}
