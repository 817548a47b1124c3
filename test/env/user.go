// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// User is somebody in the emulator who runs statements as themselves.
type User struct {
	// ID is the application id, which current_user() gives.
	ID string
	*API
}

// Group makes an account group and returns its id.
func (e *Emulator) Group(t testing.TB, name string) string {
	t.Helper()
	for _, g := range e.State(t).Groups {
		if g.DisplayName == name {
			return g.ID
		}
	}
	var made Group
	e.Do(t, http.MethodPost, e.AccountURL, AccountPath+"/scim/v2/Groups", fmt.Sprintf(`{"displayName":%q}`, name), &made)
	return made.ID
}

// ServicePrincipal makes a service principal and returns both of its ids.
func (e *Emulator) ServicePrincipal(t testing.TB, displayName string) (id, applicationID string) {
	t.Helper()
	id, applicationID, err := e.admin(t, e.AccountURL).CreateServicePrincipal(cleanup(t), displayName)
	check(t, err)
	return id, applicationID
}

// AssignToWorkspace lets a user, group or service principal into the workspace.
func (e *Emulator) AssignToWorkspace(t testing.TB, id string) {
	t.Helper()
	e.Do(t, http.MethodPut, e.AccountURL, AccountPath+"/workspaces/"+WorkspaceID+"/permissionassignments/principals/"+id, `{"permissions":["USER"]}`, nil)
}

// User makes somebody who is in some account groups, may use the warehouse and
// may read all that is in the catalog main.
func (e *Emulator) User(t testing.TB, name string, groups ...string) *User {
	t.Helper()
	id, applicationID := e.ServicePrincipal(t, name)
	for _, g := range groups {
		e.Do(t, http.MethodPatch, e.AccountURL, AccountPath+"/scim/v2/Groups/"+e.Group(t, g), fmt.Sprintf(
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":%q}]}]}`, id), nil)
	}
	e.AssignToWorkspace(t, id)
	e.Permit(t, KindWarehouse, WarehouseID, false, nil, map[string]string{applicationID: "CAN_USE"})
	e.SQL(t, "GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG main TO `"+applicationID+"`")
	return e.As(t, applicationID)
}

// As is a service principal that there is already, such as that of a Role, with no
// rights but its own. It gets a secret to sign in with.
func (e *Emulator) As(t testing.TB, applicationID string) *User {
	t.Helper()
	id := ""
	for _, p := range e.State(t).Principals {
		if p.ApplicationID == applicationID {
			id = p.ID
		}
	}
	var made struct {
		Secret string `json:"secret"`
	}
	e.Do(t, http.MethodPost, e.AccountURL, AccountPath+"/servicePrincipals/"+id+"/credentials/secrets", `{}`, &made)
	return &User{applicationID, must(t, func(ctx context.Context) (*API, error) {
		return e.SignInWithSecret(ctx, e.WorkspaceURL, applicationID, made.Secret)
	})}
}

// Rows are what a query gives to the person: cells joined by |, NULL for null.
func (p *User) Rows(t testing.TB, statement string) []string {
	t.Helper()
	return lines(must(t, func(ctx context.Context) ([][]*string, error) { return p.Query(ctx, statement) }))
}

// Ask asks a serving endpoint that takes messages, and returns the status of the answer.
func (p *User) Ask(t testing.TB, endpoint, question string) int {
	t.Helper()
	err := p.Post(cleanup(t), "/serving-endpoints/"+url.PathEscape(endpoint)+"/invocations",
		map[string]any{"messages": []any{map[string]string{"role": "user", "content": question}}})
	if e, ok := errors.AsType[*APIError](err); ok {
		return e.Status
	}
	check(t, err)
	return http.StatusOK
}
