// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"errors"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// Seed is a principal that exists from the start.
type Seed struct {
	DisplayName   string
	ApplicationID string
	UserName      string
	AccountAdmin  bool
	// Workspace is USER, ADMIN or empty.
	Workspace string
	Secret    string
	Policies  []OIDCPolicy
	Groups    []string
}

// Plant makes sure that a seed exists as described; running twice changes nothing.
func (st *Store) Plant(seed Seed) error {
	return st.change(func(s state) error {
		name := seed.ApplicationID
		if name == "" {
			name = seed.UserName
		}
		if name == "" {
			return errors.New("a seed needs an application id or a user name")
		}
		p, ok := s.principal(name)
		if !ok {
			p = Principal{ID: s.newID(), ApplicationID: seed.ApplicationID, UserName: seed.UserName}
		}
		p.DisplayName, p.Active, p.AccountAdmin = seed.DisplayName, true, seed.AccountAdmin
		p.Secrets = nil
		if seed.Secret != "" {
			p.Secrets = []Secret{{ID: "bootstrap", Hash: hash(seed.Secret)}}
		}
		p.Policies = nil
		for i, o := range seed.Policies {
			p.Policies = append(p.Policies, Policy{PolicyID: "bootstrap-" + strconv.Itoa(i), UID: uuid.NewString(), OIDC: o})
		}
		s.put(p)
		if seed.Workspace != "" {
			s.assignments.Put(s.tx, p.ID, []string{seed.Workspace})
		}
		for _, g := range seed.Groups {
			s.plantGroup(g, p.ID)
		}
		return nil
	})
}

func (s state) plantGroup(name, member string) {
	g, ok := s.groupNamed(name)
	if !ok {
		g = Group{ID: s.newID(), DisplayName: name}
	}
	if member != "" && !slices.Contains(g.Members, member) {
		g.Members = append(slices.Clone(g.Members), member)
	}
	s.putGroup(g)
}

// PlantGroup makes sure that an account group exists.
func (st *Store) PlantGroup(name string) error {
	return st.change(func(s state) error {
		s.plantGroup(name, "")
		return nil
	})
}
