// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/boundary"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Apply writes one step and returns the state with what it learned.
func (a adapter) Apply(ctx context.Context, in input, have state, s external.Step[state]) (state, error) {
	switch {
	case s.Want.Principal != nil:
		return in.applyPrincipal(ctx, have, s)
	case s.Want.Trust != nil:
		return in.applyTrust(ctx, have, s)
	case len(s.Want.Groups) > 0:
		return in.applyGroup(ctx, have, s.Verb, s.Want.Groups[0])
	case len(s.Want.Grants) > 0:
		return in.applyGrant(ctx, have, s.Verb, s.Want.Grants[0])
	case have.Principal == nil:
		return have, errors.New("there is no service principal to assign")
	case s.Verb == external.Grant:
		if err := in.client.Assign(ctx, have.Principal.ID); err != nil {
			return have, err
		}
		have.Assigned = true
	default:
		if err := in.client.Unassign(ctx, have.Principal.ID); err != nil {
			return have, err
		}
		have.Assigned = false
	}
	return have, nil
}

func (in input) applyPrincipal(ctx context.Context, have state, s external.Step[state]) (state, error) {
	want := s.Want.Principal
	if want.Adopted {
		return in.applyAdopted(ctx, have, *want)
	}
	switch s.Verb {
	case external.Create:
		made, err := in.client.CreateServicePrincipal(ctx, admin.ServicePrincipal{DisplayName: want.DisplayName, ExternalID: in.mark})
		if err != nil {
			return have, err
		}
		have.Principal = &principal{ID: made.ID, ApplicationID: made.ApplicationID, DisplayName: made.DisplayName, Active: made.Active}
		*in.known = made.ID
		return have, in.awaitPrincipal(ctx, made.ID)
	case external.Update:
		changed := admin.ServicePrincipal{ID: have.Principal.ID, DisplayName: want.DisplayName, Active: true}
		if err := in.client.UpdateServicePrincipal(ctx, changed); err != nil {
			return have, err
		}
		p := *have.Principal
		p.DisplayName, p.Active = want.DisplayName, true
		have.Principal = &p
		return have, nil
	default: // deleting is what is left
	}
	if err := in.client.DeleteServicePrincipal(ctx, want.ID); err != nil {
		return have, err
	}
	have.Observed.Duplicates = slices.DeleteFunc(slices.Clone(have.Observed.Duplicates), func(d principal) bool { return d.ID == want.ID })
	if have.Principal != nil && have.Principal.ID == want.ID {
		have.Principal = nil
	}
	return have, nil
}

const (
	// visibleWithin is how long reads may lag behind a create.
	visibleWithin = 10 * time.Second
	visiblePoll   = 200 * time.Millisecond
	// groupSeen is when to look again for a group that exists and is not read.
	groupSeen = time.Second
)

// awaitPrincipal waits until reads see a new service principal: what follows would
// be refused before.
func (in input) awaitPrincipal(ctx context.Context, id string) error {
	deadline := time.NewTimer(visibleWithin)
	defer deadline.Stop()
	for {
		p, err := in.client.ServicePrincipal(ctx, id)
		if err != nil || p != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fault.Waiting(v1alpha1.ReasonPrincipalNotVisible, fmt.Errorf("the service principal %s was created and cannot be read yet", id))
		case <-time.After(visiblePoll):
		}
	}
}

func (in input) applyGroup(ctx context.Context, have state, verb external.Verb, g group) (state, error) {
	if verb == external.Update {
		return in.markGroup(ctx, have, g.Name, g.Adopted)
	}
	if at := have.group(g.Name); at != nil {
		g = *at
	} else {
		g.Member = false
	}
	var err error
	switch verb {
	case external.Create:
		var made admin.Group
		if made, err = in.client.CreateGroup(ctx, g.Name, in.groupMark(g.Name)); err == nil {
			g.ID, g.Ours, g.Empty = made.ID, true, true
		} else if admin.IsAlreadyExists(err) {
			// Another Role was faster, or reads lag behind our own create: a later pass finds the group.
			err = fault.Progressing(v1alpha1.ReasonGroupNotFound, groupSeen, fmt.Errorf("the group %s appeared in the meantime and cannot be read yet", g.Name))
		}
	case external.Grant:
		if have.Principal == nil {
			return have, errors.New("there is no service principal to add to a group")
		}
		err = in.client.AddMember(ctx, g.ID, have.Principal.ID)
		g.Member = err == nil
	case external.Revoke:
		err = in.client.RemoveMember(ctx, g.ID, have.Principal.ID)
		g.Member = err != nil
	default:
		if g.ID == "" {
			return have, nil // it is gone
		}
		if err = in.client.DeleteGroup(ctx, g.ID); err == nil {
			g = group{Name: g.Name}
		}
	}
	if err != nil {
		return have, err
	}
	return have.withGroup(g), nil
}

// markGroup puts our mark for groups that existed before on one, or takes it off, unless
// the group has changed hands since it was looked at: the next look tells what it is then.
func (in input) markGroup(ctx context.Context, have state, name string, adopted bool) (state, error) {
	from, to := in.adoptedGroupMark(name), ""
	if adopted {
		from, to = to, from
	}
	now, err := in.client.FindGroup(ctx, name)
	if err != nil || now == nil || now.ExternalID != from {
		return have, err
	}
	if err := in.client.MarkGroup(ctx, now.ID, to); err != nil {
		return have, err
	}
	at := have.group(name)
	if at == nil || at.ID != now.ID {
		return have, nil
	}
	g := *at
	g.Adopted, g.Unmarked = adopted, !adopted
	return have.withGroup(g), nil
}

func (in input) applyGrant(ctx context.Context, have state, verb external.Verb, g boundary.Grant) (state, error) {
	if have.Principal == nil {
		return have, errors.New("there is no service principal to grant to")
	}
	to, give := have.Principal.ApplicationID, verb == external.Grant
	var err error
	switch o, isObject := object(g); {
	case isObject && give:
		err = in.client.GrantObject(ctx, o, to)
	case isObject:
		err = in.client.RevokeObject(ctx, o, to)
	case give:
		err = in.client.ChangeGrants(ctx, securable(g), to, []string{g.Privilege}, nil)
	default:
		err = in.client.RevokeGrants(ctx, securable(g), to, []string{g.Privilege})
	}
	if err != nil {
		return have, err
	}
	if give {
		have.Grants = sorted(append(slices.Clone(have.Grants), g))
	} else {
		have.Grants = slices.DeleteFunc(slices.Clone(have.Grants), func(o boundary.Grant) bool { return o == g })
	}
	return have, nil
}
