// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package crash_test

import (
	"net/http"
	"os/exec"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestAPausedLeader stops a leader, as a starved node does, in the middle of a call, and
// lets it go on when another one has its lease and has done its work.
func TestAPausedLeader(t *testing.T) {
	w := newWorld(t)
	// Less than the time after which a call is given up: the paused leader's is to be answered.
	flags := []string{"--leader-elect-lease-duration=6s", "--leader-elect-renew-deadline=4s", "--leader-elect-retry-period=500ms"}
	for _, c := range []struct {
		name, stage, method string
		// late says that the call that is held takes effect when it is let go.
		late bool
	}{
		{"that saw that nothing exists", "after_commit", http.MethodGet, false},
		{"whose create arrives late", "before_commit", http.MethodPost, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.T = t
			role, policy := west()
			paused, ended := w.elected(flags)
			ws := &v1alpha1.Workspace{ObjectMeta: metav1.ObjectMeta{Name: "main"}}
			w.Ask(ws)
			w.Ready(ws) // what is held next is a call about the Role
			w.hold(c.stage, c.method, writes["service principal"]+"$")
			env.Create(t, w.Kube, role)
			if !w.emulator.Held(t, 60) {
				t.Fatal("the call did not come")
			}
			other, otherEnded := w.elected(flags)
			if err := paused.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			w.Ready(role)
			since := w.emulator.Last(t)
			if err := w.Kube.Get(t.Context(), client.ObjectKeyFromObject(role), role); err != nil {
				t.Fatal(err)
			}
			before := role.ResourceVersion
			w.emulator.Heal(t)
			if err := paused.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			w.eventually("the paused leader ends", func() bool { return closed(ended) })
			if paused.ProcessState.Success() {
				t.Error("the paused leader ended as if all were well")
			}
			if wrote := w.emulator.Writes(t, since); !c.late && len(wrote) > 0 {
				t.Errorf("the paused leader wrote %v", wrote)
			}
			if err := w.Kube.Get(t.Context(), client.ObjectKeyFromObject(role), role); err != nil {
				t.Fatal(err)
			}
			if role.ResourceVersion != before {
				t.Errorf("the paused leader wrote to the cluster: %+v", role.Status)
			}

			env.Create(t, w.Kube, policy)
			w.Ready(policy)
			w.oneIsLeft(role, policy)
			if closed(otherEnded) {
				t.Error("the other operator ended too")
			}
			if err := other.Process.Signal(syscall.SIGTERM); err != nil { // gives the lease back
				t.Fatal(err)
			}
			<-otherEnded
		})
	}
}

// elected starts an operator that takes part in the election, and tells when it has ended.
func (w *world) elected(flags []string) (*exec.Cmd, <-chan struct{}) {
	w.T.Helper()
	cmd, ended := w.launch(flags...), make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	w.T.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended, unless the test failed
		<-ended
	})
	return cmd, ended
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
