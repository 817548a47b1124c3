// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

var memberPath = regexp.MustCompile(`^members\[value eq "([0-9]+)"\]$`)

// scimGroup is a group on the wire.
type scimGroup struct {
	Schemas     []string     `json:"schemas,omitempty"`
	ID          string       `json:"id,omitempty"`
	DisplayName string       `json:"displayName,omitempty"`
	ExternalID  string       `json:"externalId,omitempty"`
	Members     []scimMember `json:"members,omitempty"`
	Meta        *struct {
		ResourceType string `json:"resourceType"`
	} `json:"meta,omitempty"`
}

type scimMember struct {
	Value   string `json:"value"`
	Display string `json:"display,omitempty"`
	Ref     string `json:"$ref,omitempty"`
}

func (s state) shownGroup(g Group, members bool) scimGroup {
	out := scimGroup{ID: g.ID, DisplayName: g.DisplayName, ExternalID: g.ExternalID, Meta: &struct {
		ResourceType string `json:"resourceType"`
	}{"Group"}}
	if members {
		for _, m := range g.Members {
			p, _ := s.byID(m)
			nested, _ := s.group(m)
			out.Members = append(out.Members, scimMember{Value: m, Display: cmp.Or(p.DisplayName, nested.DisplayName)})
		}
	}
	return out
}

func (st *Store) listGroups(_ context.Context, r *wire.Request) (any, error) {
	filter, err := parseFilter(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	s := st.read()
	defer s.end()
	var all []scimGroup
	for _, g := range s.groups.All(s.tx) {
		ok, err := matches(filter, map[string]string{"displayname": g.DisplayName, "id": g.ID, "externalid": g.ExternalID})
		if err != nil {
			return nil, err
		}
		if ok && st.visible(g.ID) {
			all = append(all, s.shownGroup(g, false)) // lists leave members out
		}
	}
	slices.SortFunc(all, func(a, b scimGroup) int { return byNumber(a.ID, b.ID) })
	return page(r, all)
}

func (st *Store) getGroup(_ context.Context, r *wire.Request) (any, error) {
	s := st.read()
	defer s.end()
	g, ok := s.group(r.PathValue("id"))
	if !ok || !st.visible(g.ID) {
		return nil, notFound("Group", r.PathValue("id"))
	}
	return s.shownGroup(g, true), nil
}

func (st *Store) createGroup(_ context.Context, r *wire.Request) (any, error) {
	var in scimGroup
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if in.DisplayName == "" {
		return nil, wire.BadParameter("displayName is required")
	}
	var out scimGroup
	err := st.change(func(s state) error {
		for _, g := range s.groups.All(s.tx) {
			if strings.EqualFold(g.DisplayName, in.DisplayName) {
				return wire.Exists(fmt.Sprintf("Group with name %s already exists.", in.DisplayName))
			}
		}
		g := Group{DisplayName: in.DisplayName, ExternalID: in.ExternalID}
		for _, m := range in.Members {
			if !s.exists(m.Value) {
				return notFound("Principal", m.Value)
			}
			g.Members = append(g.Members, m.Value)
		}
		g.ID = s.newID()
		s.putGroup(g)
		st.born[g.ID] = time.Now()
		out = s.shownGroup(g, true)
		return nil
	})
	return wire.Reply{Status: http.StatusCreated, Body: out}, err
}

func (s state) exists(id string) bool {
	_, principal := s.byID(id)
	_, group := s.group(id)
	return principal || group
}

func (st *Store) patchGroup(_ context.Context, r *wire.Request) (any, error) {
	in, err := decodePatch(r)
	if err != nil {
		return nil, err
	}
	var out scimGroup
	err = st.change(func(s state) error {
		g, ok := s.group(r.PathValue("id"))
		if !ok {
			return notFound("Group", r.PathValue("id"))
		}
		g.Members = slices.Clone(g.Members)
		for _, o := range in.Operations {
			if err := s.applyToGroup(&g, strings.ToLower(o.Op), o.Path, o.Value); err != nil {
				return err
			}
		}
		s.putGroup(g)
		out = s.shownGroup(g, true)
		return nil
	})
	return out, err
}

func (s state) applyToGroup(g *Group, op, path string, value json.RawMessage) error {
	switch {
	case op == "add" && path == "members":
		var members []scimMember
		if err := json.Unmarshal(value, &members); err != nil {
			return wire.BadParameter("members must be a list of {value}")
		}
		for _, m := range members {
			if !s.exists(m.Value) {
				return notFound("Principal", m.Value)
			}
			if !slices.Contains(g.Members, m.Value) {
				g.Members = append(g.Members, m.Value)
			}
		}
	case op == "remove" && memberPath.MatchString(path):
		id := memberPath.FindStringSubmatch(path)[1]
		g.Members = slices.DeleteFunc(g.Members, func(m string) bool { return m == id })
	case op == "replace" && path == "displayName":
		g.DisplayName = unquoted(value)
	case op == "replace" && path == "externalId":
		g.ExternalID = unquoted(value)
	default:
		return badPath(op + " " + path)
	}
	return nil
}

func (st *Store) deleteGroup(_ context.Context, r *wire.Request) (any, error) {
	id := r.PathValue("id")
	err := st.change(func(s state) error {
		if _, ok := s.group(id); !ok {
			return notFound("Group", id)
		}
		s.groups.Delete(s.tx, id)
		s.forget(id)
		return nil
	})
	return wire.Reply{Status: http.StatusNoContent}, err
}
