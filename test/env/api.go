// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// API is the Databricks API as one principal.
type API struct {
	// Host is the URL of the account's or the workspace's host.
	Host  string
	Token string
	HTTP  *http.Client
}

// Do makes a call with a body in JSON, which may be empty, and reads the answer into out.
func (a *API) Do(ctx context.Context, method, path, body string, out any) error {
	return send(ctx, a.HTTP, method, a.Host+path, a.Token, "application/json", []byte(body), out)
}

// Post makes a call and drops the answer.
func (a *API) Post(ctx context.Context, path string, body any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return a.Do(ctx, http.MethodPost, path, string(raw), nil)
}

// Parameter is a parameter of a statement. Its value is NULL.
type Parameter struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Query runs a statement and returns its rows, nil for NULL. A statement that fails is an
// APIError.
func (a *API) Query(ctx context.Context, statement string, parameters ...Parameter) ([][]*string, error) {
	raw, err := json.Marshal(struct {
		Warehouse  string      `json:"warehouse_id"`
		Statement  string      `json:"statement"`
		Wait       string      `json:"wait_timeout"`
		Parameters []Parameter `json:"parameters,omitempty"`
	}{WarehouseID, statement, "50s", parameters})
	if err != nil {
		return nil, err
	}
	var out struct {
		Status struct {
			State string `json:"state"`
			SQL   string `json:"sql_state"`
			Error struct {
				Message string `json:"message"`
			} `json:"error"`
		} `json:"status"`
		Result struct {
			Data [][]*string `json:"data_array"`
		} `json:"result"`
	}
	if err := a.Do(ctx, http.MethodPost, "/api/2.0/sql/statements", string(raw), &out); err != nil {
		return nil, err
	}
	if out.Status.State != "SUCCEEDED" {
		return nil, &APIError{Call: statement, Status: http.StatusOK, SQLState: out.Status.SQL, Message: out.Status.State + " " + out.Status.Error.Message}
	}
	return out.Result.Data, nil
}

// SQL runs statements, one after the other, until one fails.
func (a *API) SQL(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := a.Query(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// lines are rows with their cells joined by |, NULL for null.
func lines(rows [][]*string) []string {
	out := []string{}
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, c := range r {
			if cells[i] = "NULL"; c != nil {
				cells[i] = *c
			}
		}
		out = append(out, strings.Join(cells, "|"))
	}
	return out
}

// Kinds of objects with an access control list, as they stand in the URL.
const (
	KindWarehouse       = "warehouses"
	KindGenieSpace      = "genie"
	KindServingEndpoint = "serving-endpoints"
)

// Grants returns the privileges that are held directly on an object, by the name of their
// holder, which is the application id of a service principal.
func (a *API) Grants(ctx context.Context, kind, name string) (map[string][]string, error) {
	var out struct {
		List []struct {
			Principal  string   `json:"principal"`
			Privileges []string `json:"privileges"`
		} `json:"privilege_assignments"`
	}
	if err := a.Do(ctx, http.MethodGet, "/api/2.1/unity-catalog/permissions/"+kind+"/"+name, "", &out); err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for _, g := range out.List {
		all[g.Principal] = g.Privileges
	}
	return all, nil
}

// permissionsPath is where the access control list of an object is. A serving endpoint goes by its name.
func (a *API) permissionsPath(ctx context.Context, kind, name string) (string, error) {
	if kind == KindServingEndpoint {
		var endpoint struct {
			ID string `json:"id"`
		}
		if err := a.Do(ctx, http.MethodGet, "/api/2.0/serving-endpoints/"+name, "", &endpoint); err != nil {
			return "", err
		}
		name = endpoint.ID
	}
	return "/api/2.0/permissions/" + kind + "/" + name, nil
}

// Permissions returns the levels that principals hold directly on an object, by
// application id, user name or name of the group.
func (a *API) Permissions(ctx context.Context, kind, name string) (map[string]string, error) {
	path, err := a.permissionsPath(ctx, kind, name)
	if err != nil {
		return nil, err
	}
	var out struct {
		List []struct {
			ServicePrincipal string `json:"service_principal_name"`
			User             string `json:"user_name"`
			Group            string `json:"group_name"`
			All              []struct {
				Level     string `json:"permission_level"`
				Inherited bool   `json:"inherited"`
			} `json:"all_permissions"`
		} `json:"access_control_list"`
	}
	if err := a.Do(ctx, http.MethodGet, path, "", &out); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, entry := range out.List {
		for _, p := range entry.All {
			if !p.Inherited {
				found[entry.ServicePrincipal+entry.User+entry.Group] = p.Level
			}
		}
	}
	return found, nil
}

// Permit gives levels on an object, each to one group or service principal. With replace
// it takes all others away.
func (a *API) Permit(ctx context.Context, kind, name string, replace bool, groups, principals map[string]string) error {
	path, err := a.permissionsPath(ctx, kind, name)
	if err != nil {
		return err
	}
	list := []map[string]string{}
	for field, levels := range map[string]map[string]string{"group_name": groups, "service_principal_name": principals} {
		for who, level := range levels {
			list = append(list, map[string]string{field: who, "permission_level": level})
		}
	}
	raw, err := json.Marshal(map[string]any{"access_control_list": list})
	if err != nil {
		return err
	}
	method := map[bool]string{true: http.MethodPut, false: http.MethodPatch}[replace]
	return a.Do(ctx, method, path, string(raw), nil)
}

// CreateServicePrincipal makes an account's service principal. The API is that of the account's host.
func (a *API) CreateServicePrincipal(ctx context.Context, displayName string) (id, applicationID string, err error) {
	var made Principal
	err = a.Do(ctx, http.MethodPost, AccountPath+"/scim/v2/ServicePrincipals", fmt.Sprintf(`{"displayName":%q,"active":true}`, displayName), &made)
	return made.ID, made.ApplicationID, err
}
