// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/service/iam"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// crowd is a service whose first call waits until all others are there.
type crowd struct {
	*service
	arrived chan struct{} // closed when the first call has arrived
	release chan struct{}
}

func newCrowd(t *testing.T, answer http.HandlerFunc) *crowd {
	t.Helper()
	c := &crowd{arrived: make(chan struct{}), release: make(chan struct{})}
	var first sync.Once
	c.service = newService(t, func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() {
			close(c.arrived)
			<-c.release
		})
		answer(w, r)
	})
	return c
}

// run has one call go ahead and n more come while it is under way.
func (c *crowd) run(n int, call func(i int)) {
	var group sync.WaitGroup
	group.Go(func() { call(0) })
	<-c.arrived
	for i := range n {
		group.Go(func() { call(i + 1) })
	}
	time.Sleep(200 * time.Millisecond) // until they wait; one that is late makes a call of its own, which the tests allow for
	close(c.release)
	group.Wait()
}

func who(i int) string { return fmt.Sprintf("p%02d", i) }

// TestThoseWhoReadAtTheSameTimeShareACall: one goes ahead with what it alone asks, the
// others are answered by one call that began after they had come.
func TestThoseWhoReadAtTheSameTimeShareACall(t *testing.T) {
	const many = 40
	var mu sync.Mutex
	granted := map[string]string{}
	c := newCrowd(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var rows []string
		for principal, privilege := range granted {
			if one := r.URL.Query().Get("principal"); one == "" || one == principal {
				rows = append(rows, fmt.Sprintf(`{"principal":%q,"privileges":[%q]}`, principal, privilege))
			}
		}
		_, _ = io.WriteString(w, `{"privilege_assignments":[`+strings.Join(rows, ",")+`]}`)
	})
	client := c.client(t)
	c.run(many, func(i int) {
		mu.Lock()
		granted[who(i)] = "SELECT" // just before it asks: an answer of before would not have it
		mu.Unlock()
		if got, err := client.Grants(t.Context(), table, who(i)); err != nil || !slices.Equal(got, []string{"SELECT"}) {
			t.Errorf("%s holds %v %v", who(i), got, err)
		}
	})
	calls := c.made()
	if !strings.Contains(calls[0], "principal=p00") || strings.Contains(calls[1], "principal=") {
		t.Errorf("calls: %v, want one about p00 and one about all", calls)
	}
	if len(calls) > many/2 {
		t.Errorf("%d calls for %d who ask at the same time", len(calls), many)
	}
}

// TestThoseWhoWriteAtTheSameTimeShareACall, and what is refused for one of them is done for the others.
func TestThoseWhoWriteAtTheSameTimeShareACall(t *testing.T) {
	const many, unknown = 40, 7
	for name, c := range map[string]struct {
		write func(*admin.Client, int) error
		// names are the principals that a body is about.
		names func(body string) []string
		read  string
	}{
		"grants": {func(c *admin.Client, i int) error {
			return c.ChangeGrants(context.Background(), table, who(i), []string{"SELECT"}, nil)
		}, func(body string) []string {
			var in struct{ Changes []struct{ Principal string } }
			_ = json.Unmarshal([]byte(body), &in)
			return namesOf(in.Changes, func(c struct{ Principal string }) string { return c.Principal })
		}, ""},
		"levels": {func(c *admin.Client, i int) error {
			return c.GrantObject(context.Background(), admin.Object{Kind: admin.Warehouses, Name: "w", Level: "CAN_USE"}, who(i))
		}, func(body string) []string {
			var in struct {
				List []iam.AccessControlRequest `json:"access_control_list"`
			}
			_ = json.Unmarshal([]byte(body), &in)
			return namesOf(in.List, func(p iam.AccessControlRequest) string { return p.ServicePrincipalName })
		}, `{"object_id":"/warehouses/w","access_control_list":[{"group_name":"admins","all_permissions":[{"permission_level":"CAN_MANAGE"}]}]}`},
		"members": {func(c *admin.Client, i int) error {
			return c.AddMember(context.Background(), "9", who(i))
		}, func(body string) []string {
			var in struct {
				Operations []struct{ Value []iam.ComplexValue }
			}
			_ = json.Unmarshal([]byte(body), &in)
			return namesOf(in.Operations[0].Value, func(m iam.ComplexValue) string { return m.Value })
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			done := map[string]int{}
			var s *crowd
			s = newCrowd(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					_, _ = io.WriteString(w, c.read)
					return
				}
				body := s.bodyOf(r)
				names := c.names(body)
				mu.Lock()
				defer mu.Unlock()
				if slices.Contains(names, who(unknown)) {
					w.WriteHeader(http.StatusBadRequest)
					_, _ = io.WriteString(w, `{"error_code":"INVALID_PARAMETER_VALUE","message":"who is p07?"}`)
					return
				}
				for _, n := range names {
					done[n]++
				}
				_, _ = io.WriteString(w, `{}`)
			})
			client := s.client(t)
			s.run(many, func(i int) {
				switch err := c.write(client, i); {
				case i == unknown && !fault.Is(err, fault.ClassInvalid):
					t.Errorf("what is refused ended in %v", err)
				case i != unknown && err != nil:
					t.Errorf("%s: %v", who(i), err)
				}
			})
			mu.Lock()
			defer mu.Unlock()
			for i := range many + 1 {
				if n := done[who(i)]; i != unknown && n != 1 || i == unknown && n != 0 {
					t.Errorf("%s was written %d times", who(i), n)
				}
			}
			if s.largest(c.names) < many/2 {
				t.Errorf("no call was about many: %v", s.made())
			}
		})
	}
}

func namesOf[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, o := range list {
		out[i] = name(o)
	}
	return out
}

// bodyOf is the body of a call that is being answered. Those of a test come one after the other.
func (c *crowd) bodyOf(*http.Request) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bodies[len(c.bodies)-1]
}

// largest is how many the largest call was about.
func (c *crowd) largest(names func(string) []string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := 0
	for i, call := range c.calls {
		if !strings.HasPrefix(call, http.MethodGet) {
			most = max(most, len(names(c.bodies[i])))
		}
	}
	return most
}

// TestAFailureOfACallIsToldToAllOfIt: what may work again is not asked for again by each of them.
func TestAFailureOfACallIsToldToAllOfIt(t *testing.T) {
	for status, class := range map[int]fault.Class{http.StatusServiceUnavailable: fault.ClassTransient, http.StatusTooManyRequests: fault.ClassRateLimited} {
		c := newCrowd(t, wiretest.Answers(status, `{"error_code":"LATER","message":"later"}`))
		client := c.client(t)
		const many = 30
		c.run(many, func(i int) {
			if err := client.ChangeGrants(t.Context(), table, who(i), []string{"SELECT"}, nil); !fault.Is(err, class) {
				t.Errorf("%d: %v", status, err)
			}
		})
		if n := len(c.made()); n > many/2 {
			t.Errorf("%d: %d calls", status, n)
		}
	}
}

// TestWhoStopsWaitingIsNotWrittenFor: a write that has not begun is not made for those
// who left, and is made for those who stay.
func TestWhoStopsWaitingIsNotWrittenFor(t *testing.T) {
	for name, stays := range map[string]bool{"one stays": true, "all leave": false} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, wiretest.Answers(http.StatusOK, `{}`))
			client := c.client(t)
			ctx, leave := context.WithCancel(t.Context())
			var waiting sync.WaitGroup
			c.run(3, func(i int) {
				of := ctx
				if i == 0 || i == 1 && stays {
					of = t.Context()
				} else {
					waiting.Go(func() {
						time.Sleep(50 * time.Millisecond) // it has come
						leave()
					})
				}
				err := client.ChangeGrants(of, table, who(i), []string{"SELECT"}, nil)
				if left := of == ctx; left != (err != nil) {
					t.Errorf("%s: %v", who(i), err)
				}
			})
			waiting.Wait()
			c.mu.Lock()
			written := strings.Join(c.bodies, "\n")
			c.mu.Unlock()
			if strings.Contains(written, who(2)) || strings.Contains(written, who(3)) || strings.Contains(written, who(1)) != stays {
				t.Errorf("written: %s", written)
			}
			// The lane is free again.
			if err := client.ChangeGrants(t.Context(), table, who(9), []string{"SELECT"}, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTwoChangesOfOnePrincipalAreTwoCalls: in one they would have no order.
func TestTwoChangesOfOnePrincipalAreTwoCalls(t *testing.T) {
	c := newCrowd(t, wiretest.Answers(http.StatusOK, `{}`))
	client := c.client(t)
	c.run(4, func(i int) {
		if err := client.ChangeGrants(t.Context(), table, "p", []string{"SELECT"}, nil); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.bodies {
		if strings.Count(b, `"principal"`) != 1 {
			t.Errorf("sent %s", b)
		}
	}
	if len(c.bodies) != 5 {
		t.Errorf("%d calls, want 5", len(c.bodies))
	}
}
