// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"bytes"
	"context"
	"testing"
	"time"
)

// Emulator is an emulator of one test. Its methods are those of the client; each fails the
// test on an error.
type Emulator struct{ *EmulatorProcess }

// NewEmulator starts an emulator of the test's own and stops it when the test ends. More
// are lines for the end of its bootstrap file.
func NewEmulator(t testing.TB, more ...string) *Emulator {
	t.Helper()
	log := &bytes.Buffer{}
	p, err := StartEmulator(t.Context(), EmulatorOptions{Dir: t.TempDir(), Log: log, More: more})
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("the emulator's log:\n%s", log)
		}
	})
	return &Emulator{p}
}

// cleanup is the test's context, which goes on for what runs at its end.
func cleanup(t testing.TB) context.Context { return context.WithoutCancel(t.Context()) }

// check fails the test on an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must makes a call that returns something, and fails the test on an error.
func must[T any](t testing.TB, call func(context.Context) (T, error)) T {
	t.Helper()
	out, err := call(cleanup(t))
	check(t, err)
	return out
}

// Break orders a failure.
func (e *Emulator) Break(t testing.TB, f Fault) {
	t.Helper()
	check(t, e.Client.Break(cleanup(t), f))
}

// Lag has SCIM reads see what is created only after some milliseconds.
func (e *Emulator) Lag(t testing.TB, millis int) {
	t.Helper()
	check(t, e.Client.Lag(cleanup(t), time.Duration(millis)*time.Millisecond))
}

// Heal ends all failures and lets held calls go.
func (e *Emulator) Heal(t testing.TB) {
	t.Helper()
	check(t, e.Client.Heal(cleanup(t)))
}

// Held waits for a call to be held and says whether one is.
func (e *Emulator) Held(t testing.TB, seconds int) bool {
	t.Helper()
	return e.Holding(t, seconds) > 0
}

// Holding waits for a call to be held and says how many are.
func (e *Emulator) Holding(t testing.TB, seconds int) int {
	t.Helper()
	return must(t, func(ctx context.Context) (int, error) { return e.Client.Holding(ctx, seconds) })
}

// Calls are those since a number.
func (e *Emulator) Calls(t testing.TB, since int64) []Call {
	t.Helper()
	return must(t, func(ctx context.Context) ([]Call, error) { return e.Client.Calls(ctx, since) })
}

// Writes are the calls since a number that changed something, token requests apart.
func (e *Emulator) Writes(t testing.TB, since int64) []string {
	t.Helper()
	var out []string
	for _, c := range e.Calls(t, since) {
		if c.Writes() {
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
	return must(t, e.Client.State)
}

// admin is the API of a host as the administrator.
func (e *Emulator) admin(t testing.TB, host string) *API {
	t.Helper()
	return must(t, func(ctx context.Context) (*API, error) { return e.Admin(ctx, host) })
}

// Token signs in as the administrator.
func (e *Emulator) Token(t testing.TB, host string) string {
	t.Helper()
	return e.admin(t, host).Token
}

// Do calls as the administrator.
func (e *Emulator) Do(t testing.TB, method, host, path, body string, out any) {
	t.Helper()
	check(t, e.admin(t, host).Do(cleanup(t), method, path, body, out))
}

// SQL runs statements as the administrator, who owns what they create.
func (e *Emulator) SQL(t testing.TB, statements ...string) {
	t.Helper()
	check(t, e.admin(t, e.WorkspaceURL).SQL(cleanup(t), statements...))
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
	return must(t, func(ctx context.Context) (map[string][]string, error) {
		return e.admin(t, e.WorkspaceURL).Grants(ctx, kind, name)
	})
}

// Permissions are the levels that principals hold directly on an object, by
// application id, user name or name of the group.
func (e *Emulator) Permissions(t testing.TB, kind, name string) map[string]string {
	t.Helper()
	return must(t, func(ctx context.Context) (map[string]string, error) {
		return e.admin(t, e.WorkspaceURL).Permissions(ctx, kind, name)
	})
}

// Permit gives levels on an object, each to one group or service principal, and with
// replace takes all others away.
func (e *Emulator) Permit(t testing.TB, kind, name string, replace bool, groups, principals map[string]string) {
	t.Helper()
	check(t, e.admin(t, e.WorkspaceURL).Permit(cleanup(t), kind, name, replace, groups, principals))
}
