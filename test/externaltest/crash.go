// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package externaltest

import (
	"context"
	"hash/fnv"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// Stages are the points of a call at which an operator can crash: before it takes effect,
// after that with the answer lost, and after the answer.
var Stages = []string{"before_commit", "after_commit", "after_reply"}

// stride is how many calls apart the tried ones are where not every call is tried.
const stride = 3

// EachCall tries something at the first call to Databricks, at the second, and so on, until
// it says that there was no such call. There must be at least so many. `make test` tries
// every third call, from the first, second or third on as the test's name decides;
// `make test-e2e` tries all of them.
func EachCall(t *testing.T, least int, try func(n int) bool) {
	t.Helper()
	first, step := 1, 1
	if !env.Exhaustive() {
		name := fnv.New32a()
		_, _ = name.Write([]byte(t.Name()))
		first, step = 1+int(name.Sum32()%stride), stride
	}
	for n := first; ; n += step {
		there := try(n)
		if t.Failed() {
			t.Fatalf("at call %d", n)
		}
		if !there {
			if n <= least {
				t.Fatalf("there is no call %d, and at least %d calls were expected", n, least)
			}
			t.Logf("fewer than %d calls; tried from call %d on, in steps of %d", n, first, step)
			return
		}
	}
}

// CrashAt makes a pass by an operator that crashes at a call to Databricks. It returns
// whether there was such a call, and the error of the pass. No other operator has run yet.
func (w *World[O]) CrashAt(o O, stage string, call env.FaultMatch) (crashed bool, err error) {
	w.T.Helper()
	ctx, cancel := context.WithCancel(w.T.Context())
	w.end.Store(&cancel)
	w.hooked(call, stage, map[bool]string{true: "continue", false: "reset"}[stage == "after_reply"], func() {
		w.dead.Store(true)
		// The answer that is on its way still arrives; what the dead operator would ask next is cut off anyway.
		time.AfterFunc(20*time.Millisecond, *w.end.Load())
	})
	err = w.Pass(ctx, o)
	cancel()
	crashed = w.dead.Swap(false)
	w.Emulator.Heal(w.T)
	return crashed, err
}

// OnCall does something at a stage of a call to Databricks, which then goes on. Heal ends
// that.
func (w *World[O]) OnCall(stage string, call env.FaultMatch, act func()) {
	w.T.Helper()
	w.hooked(call, stage, "continue", act)
}

func (w *World[O]) hooked(call env.FaultMatch, stage, then string, act func()) {
	w.T.Helper()
	w.struck.Store(&act)
	w.Emulator.Break(w.T, env.Fault{Match: call, Stage: stage, Action: "hook", HookURL: w.hook.URL, Then: then})
}

// ReadFaults are failures of the calls that read at each of some paths, with their classes.
func (w *World[O]) ReadFaults(paths ...string) map[string]Fault {
	out := map[string]Fault{}
	for name, f := range map[string]struct {
		status int
		want   fault.Class
	}{"rate limited": {429, fault.ClassRateLimited}, "denied": {403, fault.ClassDenied}, "failing": {500, fault.ClassTransient}} {
		for _, path := range paths {
			out[name+" at "+path] = Fault{
				Break: func() {
					w.Emulator.Break(w.T, env.Fault{Match: env.FaultMatch{Method: "GET", PathRegex: path}, Stage: "before_commit", Action: "status", Status: f.status})
				},
				Heal: func() { w.Emulator.Heal(w.T) }, Want: f.want,
			}
		}
	}
	return out
}
