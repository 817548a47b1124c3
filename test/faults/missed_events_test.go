// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package faults_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestMissedEvents loses what watches tell: of one object while others are heard of, until
// the API server says that it can no longer tell and everything is listed again; or of
// everything, until the watch reaches its time limit and goes on where it was. What was
// missed is made good then, and nothing is done twice.
func TestMissedEvents(t *testing.T) {
	d := &deaf{open: map[*watch]bool{}}
	kube := start(t, func(o *ctrl.Options) {
		o.NewCache = func(config *rest.Config, opts cache.Options) (cache.Cache, error) {
			opts.HTTPClient = nil // made anew, from the configuration that loses events
			config = rest.CopyConfig(config)
			config.Wrap(d.around)
			return cache.New(config, opts)
		}
	})
	w := newWorld(t, kube, "missed")
	w.emulator.SQL(w, "CREATE TABLE main.sales.leads (id STRING)")
	tool, server := w.tool("leads", "leads"), w.server("tools", "none", "leads")
	env.Create(w, kube, tool, server)
	health := w.health(server)
	w.Appears(health)
	w.Ready(health)
	for _, all := range []bool{false, true} {
		for _, h := range happenings {
			name := map[bool]string{false: "one", true: "all"}[all] + "-" + h.name
			t.Run(name, func(t *testing.T) {
				w.T = t
				m := &missing{world: w, network: d, all: all, role: w.role(name), access: w.opens(name, "tools", "leads", name)}
				m.run(h)
			})
		}
	}
	w.T = t
	w.Remove(server, tool)
	w.Gone(server, tool)
	w.Remove(health)
	w.Gone(health)
	w.nothing()
}

// missing is a Role with a ToolAccess of its own, of which something is missed.
type missing struct {
	*world
	network *deaf
	all     bool
	role    *v1alpha1.Role
	access  *v1alpha1.ToolAccess
}

// happening is something that nobody hears of at first.
type happening struct {
	name, resource string
	happens        func(*missing)
	// before and after are the tables that the Role may select from; nil is for no Role.
	before, after []string
}

var happenings = []happening{
	{"update", "gatehouseroles", func(m *missing) { m.change(m.role, func() { m.role.Spec.Grants = nil }) }, both, leadsAlone},
	{"deletion", "gatehouseroles", func(m *missing) { m.Remove(m.role) }, both, nil},
	{"creation", "gatehouseroles", func(m *missing) { env.Create(m, m.Kube, m.role) }, nil, both},
	{"closing", "toolaccesses", func(m *missing) { m.Remove(m.access) }, both, dealsAlone},
	{"replacing", "toolaccesses", func(m *missing) {
		m.Remove(m.access)
		m.Gone(m.access)
		m.access = m.opens(m.access.Name, "tools", "leads", "somebody-else")
		env.Create(m, m.Kube, m.access)
	}, both, dealsAlone},
}

var both, dealsAlone, leadsAlone = []string{"deals", "leads"}, []string{"deals"}, []string{"leads"}

func (m *missing) run(h happening) {
	start := m.emulator.Last(m)
	env.Create(m, m.Kube, m.access)
	if h.before != nil {
		env.Create(m, m.Kube, m.role)
		m.Ready(m.role)
	}
	m.eventuallyHolds(h.before)
	since := m.emulator.Last(m)
	name := map[string]string{"gatehouseroles": m.role.Name, "toolaccesses": m.access.Name}[h.resource]
	m.network.lose(func(resource string, e event) bool {
		return m.all || resource == h.resource && e.Object.Metadata.Name == name
	})
	h.happens(m)
	m.Eventually(func() string { return "an event is lost" }, func() bool { return m.network.count() > 0 })
	if m.all {
		time.Sleep(time.Second) // nothing is to happen
		if wrote := m.emulator.Writes(m, since); len(wrote) > 0 {
			m.Errorf("writes although nobody heard of anything: %v", wrote)
		}
	} else {
		m.witness()
	}
	if held := m.held(); !slices.Equal(held, h.before) {
		m.Errorf("it was heard of: the Role holds %v and held %v", held, h.before)
	}

	if m.all {
		m.network.hear("")
	} else {
		m.network.hear(h.resource)
	}
	m.eventuallyHolds(h.after)
	if h.after != nil {
		m.Ready(m.role)
	}
	m.Remove(m.role, m.access)
	m.Gone(m.role, m.access)
	each := 1
	if !m.all {
		each = 2 // the witness did the same
	}
	m.wrote(start, map[string]int{
		"POST " + principals: each, "POST " + groups: each, "DELETE " + aPrincipal: each, "DELETE " + aGroup: each, // and never a second one
		"PATCH " + permissions + "table/main.sales.deals$": 2 * each, "PATCH " + leads: 2 * each, // given and taken away
	})
}

// witness is a Role with a ToolAccess that come and go meanwhile, and are heard of.
func (m *missing) witness() {
	m.Helper()
	other := &missing{world: m.world, role: m.world.role("witness-" + m.role.Name)}
	other.access = m.opens(other.role.Name, "tools", "leads", other.role.Name)
	env.Create(m, m.Kube, other.access, other.role)
	m.Ready(other.role)
	other.eventuallyHolds(both)
	m.Remove(other.role, other.access)
	m.Gone(other.role, other.access)
}

// held are the tables that the Role may select from; nil when it has no service principal.
func (m *missing) held() []string {
	m.Helper()
	now := m.sight()
	found := now.principals[m.mark(m.role)]
	if len(found) == 0 {
		return nil
	}
	if len(found) > 1 {
		m.Fatalf("%d service principals carry the mark of %s", len(found), m.role.Name)
	}
	out := []string{}
	if len(now.deals[found[0].ApplicationID]) > 0 {
		out = append(out, "deals")
	}
	if len(m.emulator.Grants(m, "table", "main.sales.leads", found[0].ApplicationID)) > 0 {
		out = append(out, "leads")
	}
	return out
}

func (m *missing) eventuallyHolds(want []string) {
	m.Helper()
	var held []string
	m.Eventually(func() string { return fmt.Sprintf("%s holds %v, want %v", m.role.Name, held, want) }, func() bool {
		held = m.held()
		return slices.Equal(held, want) && (held == nil) == (want == nil)
	})
}
