// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const minute = int64(60_000)

// defaultGenieQuestions is what Databricks takes in a minute unless arranged otherwise.
const defaultGenieQuestions = 5

// Replicas is how many pods a server wants.
func Replicas(s *v1alpha1.MCPServer) int32 {
	if s.Spec.Replicas == nil {
		return 2
	}
	return *s.Spec.Replicas
}

// Surge is how many pods a rollout may add: a quarter, rounded up, as Deployments do by default.
func Surge(replicas int32) int32 { return (replicas + 3) / 4 }

// most is how many pods of a server there can be at a time.
func most(s *v1alpha1.MCPServer) int64 {
	n := Replicas(s)
	return max(int64(n+Surge(n)), 1)
}

// share divides what is declared for a minute. Who has less than one call in a
// minute has one in a longer window: the average holds then, and the windows of
// several pods can meet in one minute.
func share(declared int32, parts, of int64) *Rate {
	if declared <= 0 {
		return nil
	}
	whole := int64(declared) * parts
	if n := whole / of; n >= 1 {
		return &Rate{Max: int32(n), WindowMillis: minute, Declared: declared}
	}
	return &Rate{Max: 1, WindowMillis: (minute*of + whole - 1) / whole, Declared: declared}
}

// compileLimits are those of a server. Pods that count in a store have a limit
// together; each of the others has its share.
func (e Estate) compileLimits(s *v1alpha1.MCPServer, w *v1alpha1.Workspace) Limits {
	l := s.Spec.Limits
	out := Limits{
		MaxTokenLifetimeSeconds: l.MaxTokenLifetimeSeconds, MaxBodyBytes: l.MaxBodyBytes, MaxConcurrentCalls: l.MaxConcurrentCalls, CallTimeoutSeconds: l.CallTimeoutSeconds,
		PerCaller: ownShare(s, l.CallsPerMinutePerCaller),
	}
	if e.asksGenie(s) {
		parts, of := e.genieParts(s)
		out.Genie = share(atLeast(w.Spec.GenieQuestionsPerMinute, defaultGenieQuestions), parts, of)
	}
	if r := s.Spec.RateLimitStore; r != nil {
		out.Store = &RateLimitStore{Address: r.Address, TLS: r.TLS != v1alpha1.RateLimitStoreTLSDisabled, CABundle: string(r.CABundle)}
	}
	return out
}

// ownShare divides a limit of one server.
func ownShare(s *v1alpha1.MCPServer, declared int32) *Rate {
	if s.Spec.RateLimitStore != nil {
		return share(declared, 1, 1)
	}
	return share(declared, 1, most(s))
}

func (e Estate) compileToolLimits(s *v1alpha1.MCPServer, t *v1alpha1.Tool) *ToolLimits {
	out := ToolLimits{All: ownShare(s, t.Spec.Limits.CallsPerMinute), PerCaller: ownShare(s, t.Spec.Limits.CallsPerMinutePerCaller)}
	if out == (ToolLimits{}) {
		return nil
	}
	return &out
}

// asksGenie says whether a server serves a tool whose calls are questions to Genie.
func (e Estate) asksGenie(s *v1alpha1.MCPServer) bool {
	for _, t := range e.toolsOf(s) {
		if e.toolNeeds(t, string(s.Spec.WarehouseID)).AsksGenie {
			return true
		}
	}
	return false
}

// genieParts divides Genie's limit over all pods that ask it in a workspace: how many
// parts a pod of the server has, or with a store all pods that count there, and of
// how many.
func (e Estate) genieParts(s *v1alpha1.MCPServer) (parts, of int64) {
	for i := range e.Servers {
		o := &e.Servers[i]
		if o.Spec.WorkspaceRef.Name != s.Spec.WorkspaceRef.Name || !o.DeletionTimestamp.IsZero() || !e.asksGenie(o) {
			continue
		}
		of += most(o)
		if sameStore(s, o) {
			parts += most(o)
		}
	}
	if s.Spec.RateLimitStore == nil {
		parts = 1
	}
	return max(parts, 1), max(of, 1)
}

func sameStore(a, b *v1alpha1.MCPServer) bool {
	x, y := a.Spec.RateLimitStore, b.Spec.RateLimitStore
	return x != nil && y != nil && x.Address == y.Address
}

// Thin says which limits of a document leave a pod less than one call in a minute;
// empty means none.
func (d Document) Thin() []string {
	var out []string
	thin := func(what string, r *Rate) {
		if r != nil && r.WindowMillis > minute {
			out = append(out, fmt.Sprintf("%s (%d in a minute for all pods, one in %d s for each)", what, r.Declared, (r.WindowMillis+999)/1000))
		}
	}
	thin("questions to Genie", d.Limits.Genie)
	thin("calls of one caller", d.Limits.PerCaller)
	for _, t := range d.Tools {
		if t.Limits != nil {
			thin("calls of "+t.Name, t.Limits.All)
			thin("calls of "+t.Name+" by one caller", t.Limits.PerCaller)
		}
	}
	return out
}
