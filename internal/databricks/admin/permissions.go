// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/databricks/databricks-sdk-go/service/serving"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// ObjectKind is a kind of workspace object with an access control list, as it
// stands in the URL.
type ObjectKind string

// The kinds of objects that roles are let use.
const (
	Warehouses       ObjectKind = "warehouses"
	GenieSpaces      ObjectKind = "genie"
	ServingEndpoints ObjectKind = "serving-endpoints"
)

// levels are, by kind, the permission levels that are given, each with those that
// include it. The first of a kind lets a principal use an object and no more; the
// second, where there is one, lets it see that the object is there. A warehouse's
// CAN_MONITOR and CAN_VIEW include nothing: it is not established that they let
// anybody run a statement.
var levels = map[ObjectKind][][]string{
	Warehouses:       {{"CAN_USE", "CAN_MANAGE", "IS_OWNER"}},
	GenieSpaces:      {{"CAN_RUN", "CAN_EDIT", "CAN_MANAGE"}, {"CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"}},
	ServingEndpoints: {{"CAN_QUERY", "CAN_MANAGE"}, {"CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"}},
}

// Object names a workspace object: a warehouse and a Genie space by its id, a
// serving endpoint by its name.
type Object struct {
	Kind ObjectKind
	Name string
	// Level is what a grant or a revocation is about. Empty stands for the level that
	// lets a principal use an object of the kind.
	Level string
}

// level is the level that is meant, and the levels that include it, itself first.
func (o Object) level() (string, []string) {
	for i, one := range levels[o.Kind] {
		if one[0] == o.Level || o.Level == "" && i == 0 {
			return one[0], one
		}
	}
	return o.Level, nil
}

// Allows says whether a permission level includes the one that is meant.
func (o Object) Allows(level string) bool {
	_, including := o.level()
	return slices.Contains(including, level)
}

// Uses is the level that lets a principal use an object of the kind and no more.
func (o Object) Uses() string {
	o.Level = ""
	level, _ := o.level()
	return level
}

// Permission is an entry of an object's access control list. Exactly one of the
// names is set.
type Permission struct {
	UserName, GroupName, ServicePrincipalName string

	Level string
}

func (p Permission) body() iam.AccessControlRequest {
	return iam.AccessControlRequest{
		UserName: p.UserName, GroupName: p.GroupName, ServicePrincipalName: p.ServicePrincipalName, PermissionLevel: iam.PermissionLevel(p.Level),
		ForceSendFields: []string{"PermissionLevel"},
	}
}

func bodies(entries []Permission) []iam.AccessControlRequest {
	out := []iam.AccessControlRequest{} // an empty list, which clears, and not null
	for _, e := range entries {
		out = append(out, e.body())
	}
	return out
}

// ObjectPermissions returns the direct entries of an object. An object that does
// not exist is a fault Waiting with ReasonSecurableNotFound. Those who ask for the same
// object at the same time share a call.
func (c *Client) ObjectPermissions(ctx context.Context, o Object) ([]Permission, error) {
	list, err := c.entriesOf.Do(ctx, objectThing(o), struct{}{}, func(ctx context.Context, _ []struct{}) ([]Permission, error) {
		at, err := c.listOf(ctx, o)
		if err != nil {
			return nil, err
		}
		return c.permissions(ctx, at)
	})
	return slices.Clone(list), err
}

// Levels returns the levels that a service principal holds directly on an object. An
// empty one holds nothing: the call then says only whether the object exists.
func (c *Client) Levels(ctx context.Context, o Object, applicationID string) ([]string, error) {
	all, err := c.ObjectPermissions(ctx, o)
	return levelsOf(all, applicationID), err
}

func levelsOf(all []Permission, applicationID string) []string {
	var out []string
	for _, p := range all {
		if applicationID != "" && p.ServicePrincipalName == applicationID {
			out = append(out, p.Level)
		}
	}
	return out
}

// GrantObject gives a service principal a level on an object; the entries of others stay.
// The API keeps one level for each principal, and writing one replaces another, so
// that nothing is written when the service principal may do more already. Those who are
// given the same at the same time share the calls.
func (c *Client) GrantObject(ctx context.Context, o Object, applicationID string) error {
	level, including := o.level()
	if len(including) == 0 {
		return fault.Invalid(wire.ReasonRejected, fmt.Errorf("the level %q on the kind %q of objects is not one that is granted", wire.Tidy(level, 64), wire.Tidy(string(o.Kind), 64)))
	}
	return c.changeLevel(ctx, "grant", o, applicationID, func(ctx context.Context, at accessList, entries []Permission) error {
		have, err := c.permissions(ctx, at)
		if err != nil {
			return err
		}
		entries = slices.DeleteFunc(entries, func(e Permission) bool {
			return slices.ContainsFunc(have, func(p Permission) bool {
				return p.ServicePrincipalName == e.ServicePrincipalName && slices.Contains(including, p.Level)
			})
		})
		if len(entries) == 0 {
			return nil
		}
		things := make([]string, len(entries))
		for i, e := range entries {
			things[i] = levelThing(o, e.ServicePrincipalName)
		}
		defer c.cache.Written(things...)
		_, err = c.workspace.permissions.Update(ctx, iam.UpdateObjectPermissions{
			RequestObjectType: string(at.kind), RequestObjectId: at.id, AccessControlList: bodies(entries),
		})
		if err = classify(err); isMissing(err) { // the object was there a moment ago
			return fault.Waiting(wire.ReasonPrincipalNotVisible, err)
		}
		return err
	})
}

// changeLevel changes the entries of an access control list that give a service principal
// the level of an object, together with those who want the same at the same time, and
// alone with the list.
func (c *Client) changeLevel(ctx context.Context, what string, o Object, applicationID string, change func(context.Context, accessList, []Permission) error) error {
	level, _ := o.level()
	entry := Permission{ServicePrincipalName: applicationID, Level: level}
	return c.levelChanges.Do(ctx, what+" "+level+" "+objectThing(o), entry, Permission.who, func(ctx context.Context, all ...Permission) error {
		at, err := c.listOf(ctx, o)
		if err != nil {
			return err
		}
		defer c.serial.lock(at.path())()
		return change(ctx, at, all)
	})
}

func (p Permission) who() string { return p.ServicePrincipalName }

// mostRevocations bounds how often RevokeObject begins anew.
const mostRevocations = 5

// RevokeObject takes away the entry that gives a service principal a level on an object.
// An entry of another level is somebody else's and stays. An object that does not
// exist has no entries.
//
// The API can only replace all direct entries, and knows no versions. So the others
// are written back when two reads in a row agree on them, and the list is read once
// more: where somebody who read it earlier wrote our entry back, it is taken away
// again. An entry that vanishes after our write was taken away by somebody else and
// is not put back: that could give access to whom it was just taken from. What
// remains is an entry that somebody else adds between the last read and the write:
// it is lost, and no answer tells of it.
//
// Those from whom the same is taken at the same time share the calls.
func (c *Client) RevokeObject(ctx context.Context, o Object, applicationID string) error {
	err := c.changeLevel(ctx, "revoke", o, applicationID, func(ctx context.Context, at accessList, entries []Permission) error {
		defer c.cache.Written(objectThing(o)) // all entries are written back
		return c.revoke(ctx, at, entries)
	})
	if f := fault.Of(err); f != nil && f.Reason == wire.ReasonSecurableNotFound {
		return nil
	}
	return err
}

func (c *Client) revoke(ctx context.Context, at accessList, ours []Permission) error {
	isOurs := func(p Permission) bool { return slices.Contains(ours, p) }
	have, err := c.permissions(ctx, at)
	for range mostRevocations {
		if err != nil || !slices.ContainsFunc(have, isOurs) {
			return err
		}
		before := have
		if have, err = c.permissions(ctx, at); err != nil {
			return err
		}
		if !slices.Equal(have, before) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(have), isOurs)
		// The SDK's Set sends no list when it is empty, which clears nothing.
		written := c.workspace.do(ctx, http.MethodPut, at.path(), nil, map[string]any{"access_control_list": bodies(rest)}, nil)
		if written != nil && !isMissing(written) {
			return written
		}
		if have, err = c.permissions(ctx, at); err == nil && written != nil {
			return written // the object is there: something else is missing, such as a principal of the others
		}
	}
	if err != nil || !slices.ContainsFunc(have, isOurs) {
		return err
	}
	return fault.Transient(wire.ReasonUnavailable, errors.New("the access control list keeps changing while an entry is taken away from it"))
}

// accessList names the access control list of an object, by checked parts.
type accessList struct {
	kind ObjectKind
	id   string
}

func (a accessList) path() string { return "/api/2.0/permissions/" + string(a.kind) + "/" + a.id }

// listOf is where the access control list of an object is.
func (c *Client) listOf(ctx context.Context, o Object) (accessList, error) {
	var id wire.Part
	var err error
	switch o.Kind {
	case Warehouses, GenieSpaces:
		id, err = wire.ObjectID(o.Name)
	case ServingEndpoints:
		id, err = c.endpointID(ctx, o.Name)
	default:
		err = fault.Invalid(wire.ReasonRejected, fmt.Errorf("the kind %q of objects is not one that is granted", wire.Tidy(string(o.Kind), 64)))
	}
	return accessList{o.Kind, string(id)}, err
}

// endpointID looks up the id of a serving endpoint. It is never kept: an endpoint
// that is made anew under its name has another one.
func (c *Client) endpointID(ctx context.Context, name string) (wire.Part, error) {
	if _, err := wire.EndpointName(name); err != nil {
		return "", err
	}
	e, err := c.workspace.endpoints.Get(ctx, serving.GetServingEndpointRequest{Name: name})
	if err != nil {
		return "", securableFault(classify(err))
	}
	id, err := wire.ObjectID(e.Id)
	if err != nil || e.Name != name {
		return "", fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return id, nil
}

// permissions reads the direct entries of a list.
func (c *Client) permissions(ctx context.Context, at accessList) ([]Permission, error) {
	return c.entries(ctx, at, false)
}

// entries reads the direct entries of a list, and with inherited those from above.
func (c *Client) entries(ctx context.Context, at accessList, inherited bool) ([]Permission, error) {
	out, err := c.workspace.permissions.Get(ctx, iam.GetPermissionRequest{RequestObjectType: string(at.kind), RequestObjectId: at.id})
	if err != nil {
		return nil, securableFault(classify(err))
	}
	switch {
	case out.ObjectId == "":
		return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	case len(out.AccessControlList) == 0:
		// Older types of objects answer like this for what does not exist. What exists lists at least the administrators.
		return nil, fault.Waiting(wire.ReasonSecurableNotFound, errors.New("the object does not exist: nobody is on its access control list"))
	}
	var found []Permission
	for _, e := range out.AccessControlList {
		for _, p := range e.AllPermissions {
			if inherited || !p.Inherited {
				found = append(found, Permission{
					UserName: e.UserName, GroupName: e.GroupName, ServicePrincipalName: e.ServicePrincipalName, Level: string(p.PermissionLevel),
				})
			}
		}
	}
	slices.SortFunc(found, comparePermissions) // to compare one answer with the next
	return found, nil
}

func comparePermissions(a, b Permission) int {
	return cmp.Or(cmp.Compare(a.ServicePrincipalName, b.ServicePrincipalName), cmp.Compare(a.UserName, b.UserName),
		cmp.Compare(a.GroupName, b.GroupName), cmp.Compare(a.Level, b.Level))
}
