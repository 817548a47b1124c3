// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Person is somebody in the emulator who runs statements as themselves.
type Person struct {
	// ID is the application id, which current_user() gives.
	ID    string
	token string
	e     *Emulator
}

// Group makes an account group and returns its id.
func (e *Emulator) Group(t testing.TB, name string) string {
	t.Helper()
	for _, g := range e.State(t).Groups {
		if g.DisplayName == name {
			return g.ID
		}
	}
	var made struct {
		ID string `json:"id"`
	}
	e.Do(t, http.MethodPost, e.AccountURL, "/api/2.0/accounts/"+AccountID+"/scim/v2/Groups", fmt.Sprintf(`{"displayName":%q}`, name), &made)
	return made.ID
}

// AssignToWorkspace lets a user, group or service principal into the workspace.
func (e *Emulator) AssignToWorkspace(t testing.TB, id string) {
	t.Helper()
	e.Do(t, http.MethodPut, e.AccountURL, "/api/2.0/accounts/"+AccountID+"/workspaces/"+WorkspaceID+"/permissionassignments/principals/"+id, `{"permissions":["USER"]}`, nil)
}

// Person makes somebody who is in some account groups, may use the warehouse and
// may read all that is in the catalog main.
func (e *Emulator) Person(t testing.TB, name string, groups ...string) *Person {
	t.Helper()
	account := "/api/2.0/accounts/" + AccountID
	var made struct {
		ID            string `json:"id"`
		ApplicationID string `json:"applicationId"`
	}
	e.Do(t, http.MethodPost, e.AccountURL, account+"/scim/v2/ServicePrincipals", fmt.Sprintf(`{"displayName":%q,"active":true}`, name), &made)
	for _, g := range groups {
		e.Do(t, http.MethodPatch, e.AccountURL, account+"/scim/v2/Groups/"+e.Group(t, g), fmt.Sprintf(
			`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"members","value":[{"value":%q}]}]}`, made.ID), nil)
	}
	e.AssignToWorkspace(t, made.ID)
	e.Permit(t, KindWarehouse, WarehouseID, false, nil, map[string]string{made.ApplicationID: "CAN_USE"})
	e.SQL(t, "GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG main TO `"+made.ApplicationID+"`")
	return e.As(t, made.ApplicationID)
}

// As is a service principal that there is already, such as that of a Role, with no
// rights but its own. It gets a secret to sign in with.
func (e *Emulator) As(t testing.TB, applicationID string) *Person {
	t.Helper()
	id := ""
	for _, p := range e.State(t).Principals {
		if p.ApplicationID == applicationID {
			id = p.ID
		}
	}
	var secret struct {
		Secret string `json:"secret"`
	}
	e.Do(t, http.MethodPost, e.AccountURL, "/api/2.0/accounts/"+AccountID+"/servicePrincipals/"+id+"/credentials/secrets", `{}`, &secret)
	res, err := e.http.PostForm(e.WorkspaceURL+"/oidc/v1/token", url.Values{
		"grant_type": {"client_credentials"}, "scope": {"all-apis"}, "client_id": {applicationID}, "client_secret": {secret.Secret},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var out struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.Token == "" {
		t.Fatalf("sign in as %s: %d %v", applicationID, res.StatusCode, err)
	}
	return &Person{ID: applicationID, token: out.Token, e: e}
}

// Rows are what a query gives to the person: cells joined by |, NULL for null.
func (p *Person) Rows(t testing.TB, statement string) []string {
	t.Helper()
	raw, err := json.Marshal(map[string]string{"warehouse_id": WarehouseID, "statement": statement, "wait_timeout": "50s"})
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Status struct {
			State string          `json:"state"`
			Error json.RawMessage `json:"error"`
		} `json:"status"`
		Result struct {
			Data [][]*string `json:"data_array"`
		} `json:"result"`
	}
	p.e.send(t, http.MethodPost, p.e.WorkspaceURL+"/api/2.0/sql/statements", p.token, bytes.NewReader(raw), &out)
	if out.Status.State != "SUCCEEDED" {
		t.Fatalf("%s: %s %s", statement, out.Status.State, out.Status.Error)
	}
	rows := []string{}
	for _, r := range out.Result.Data {
		cells := make([]string, len(r))
		for i, c := range r {
			if cells[i] = "NULL"; c != nil {
				cells[i] = *c
			}
		}
		rows = append(rows, strings.Join(cells, "|"))
	}
	return rows
}

// Ask asks a serving endpoint that takes messages, and returns the status of the answer.
func (p *Person) Ask(t testing.TB, endpoint, question string) int {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"messages": []any{map[string]string{"role": "user", "content": question}}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.e.WorkspaceURL+"/serving-endpoints/"+url.PathEscape(endpoint)+"/invocations", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	res, err := p.e.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}
