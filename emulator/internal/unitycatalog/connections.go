// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package unitycatalog

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// ConnectionOptions choose how connections behave.
type ConnectionOptions struct {
	// Plain permits http:// on loopback addresses.
	Plain bool
	// Merge keeps the options that a PATCH leaves out. Which of both Databricks does is
	// not established; false replaces them all.
	Merge bool
}

type connections struct {
	service
	ConnectionOptions
}

// ConnectionRoutes serve the connections of a metastore.
func ConnectionRoutes(store *metastore.Store, o ConnectionOptions) []wire.Route {
	s := connections{service{store}, o}
	route := wire.Group{Prefix: "/api/2.1/unity-catalog/connections", Scopes: []string{"unity-catalog"}}.Route
	return []wire.Route{
		route("GET", "", s.list(metastore.TypeConnection, "connections")),
		route("POST", "", s.create),
		route("GET", "/{name}", s.get(metastore.TypeConnection)),
		route("PATCH", "/{name}", s.patch),
		route("DELETE", "/{name}", s.remove(metastore.TypeConnection)),
	}
}

// namePattern is what a name may be; the emulator takes no others.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

func (s connections) create(_ context.Context, r *wire.Request) (any, error) {
	var in struct {
		Name     string            `json:"name"`
		Type     string            `json:"connection_type"`
		Options  map[string]string `json:"options"`
		Comment  string            `json:"comment"`
		ReadOnly bool              `json:"read_only"`
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	me := r.Caller.Principal()
	switch {
	case !s.store.MayCreateConnection(me):
		return nil, wire.Denied("User does not have CREATE CONNECTION on Metastore '" + metastore.Root.Name + "'.")
	case !namePattern.MatchString(in.Name):
		return nil, wire.BadParameter("name must be letters, digits, _ and -")
	case in.Type != "HTTP" || in.ReadOnly:
		return nil, &wire.Error{Status: http.StatusNotImplemented, Code: "NOT_IMPLEMENTED", Message: "the emulator does not implement connections of the type " + strconv.Quote(in.Type) + ", and none that are read-only"}
	}
	o := metastore.Object{Type: metastore.TypeConnection, Name: strings.ToLower(in.Name), Owner: me, Comment: in.Comment, Created: time.Now().UTC(), CreatedBy: me}
	if _, taken := s.store.Get(o.Securable()); taken {
		return nil, metastore.ConnectionExists(o.Name)
	}
	if err := o.SetOptions(in.Options, s.Plain); err != nil {
		return nil, err
	}
	return info(o), s.store.Put(o)
}

// patch changes options, the name and the owner. null options are left as they are:
// clients that only change the owner send them.
func (s connections) patch(_ context.Context, r *wire.Request) (any, error) {
	o, err := s.managed(r, metastore.TypeConnection)
	if err != nil {
		return nil, err
	}
	var in struct {
		Options map[string]string `json:"options"`
		NewName string            `json:"new_name"`
		Owner   string            `json:"owner"`
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if in.NewName != "" && !namePattern.MatchString(in.NewName) {
		return nil, wire.BadParameter("new_name must be letters, digits, _ and -")
	}
	to := metastore.Securable{Type: metastore.TypeConnection, Name: strings.ToLower(in.NewName)}
	if _, taken := s.store.Get(to); taken && to.Name != o.Name {
		return nil, metastore.ConnectionExists(to.Name)
	}
	if in.Owner != "" {
		if !s.store.Directory.PrincipalExists(in.Owner) {
			return nil, &wire.Error{Status: http.StatusNotFound, Code: "PRINCIPAL_DOES_NOT_EXIST", Message: "Could not find principal with name " + in.Owner}
		}
		o.Owner = in.Owner
	}
	if in.Options != nil {
		if err := o.SetOptions(s.merged(o, in.Options), s.Plain); err != nil {
			return nil, err
		}
	}
	o.Updated, o.UpdatedBy = time.Now().UTC(), r.Caller.Principal()
	if err := s.keep(o, to.Name); err != nil {
		return nil, err
	}
	if to.Name != "" {
		o.Name = to.Name
	}
	return info(o), nil
}

// keep writes a connection, with a new name unless that is empty.
func (s connections) keep(o metastore.Object, name string) error {
	return s.store.Change(func(tx *store.Tx) error {
		if err := s.store.PutIn(tx, o); err != nil || name == "" || name == o.Name {
			return err
		}
		return s.store.RenameIn(tx, o.Securable(), name)
	})
}

// merged are the options that a PATCH leaves a connection with.
func (s connections) merged(o metastore.Object, changed map[string]string) map[string]string {
	if !s.Merge {
		return changed
	}
	out := maps.Clone(o.Options)
	for k, v := range o.Secrets {
		out[k] = string(v)
	}
	maps.Copy(out, changed)
	return out
}

// managed is the object of a request that the caller may change. One that the caller
// cannot see does not exist.
func (s service) managed(r *wire.Request, kind string) (metastore.Object, error) {
	name, me := metastore.Securable{Type: kind, Name: strings.ToLower(r.PathValue("name"))}, r.Caller.Principal()
	o, ok := s.store.Get(name)
	if !ok || !s.store.Visible(me, name) {
		return o, metastore.Missing(name)
	}
	if !s.store.MayManage(me, name) {
		return o, lacksManage(name)
	}
	return o, nil
}

// remove serves DELETE. force is accepted: nothing here is kept from being dropped.
func (s service) remove(kind string) wire.Handle {
	return func(_ context.Context, r *wire.Request) (any, error) {
		if err := known(r, "force"); err != nil {
			return nil, err
		}
		o, err := s.managed(r, kind)
		if err != nil {
			return nil, err
		}
		return map[string]any{}, s.store.Drop(o.Securable())
	}
}

// identifier is an id that stays the same as long as an object is not made anew.
func identifier(o metastore.Object) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(o.Type+":"+o.Created.Format(time.RFC3339Nano))).String()
}

// creator is who made an object.
func creator(o metastore.Object) string {
	if o.CreatedBy != "" {
		return o.CreatedBy
	}
	return o.Owner
}

// connectionInfo adds what only a connection has. Its secrets are not among it.
func connectionInfo(o metastore.Object, out map[string]any) {
	out["connection_type"], out["securable_type"], out["credential_type"] = "HTTP", "CONNECTION", o.CredentialType()
	out["options"], out["url"], out["connection_id"] = o.Options, o.Address(), identifier(o)
	out["metastore_id"], out["read_only"] = metastore.Root.Name, false
	out["provisioning_info"] = map[string]string{"state": "ACTIVE"}
	out["created_by"] = creator(o)
	out["updated_at"], out["updated_by"] = out["created_at"], out["created_by"]
	if !o.Updated.IsZero() {
		out["updated_at"], out["updated_by"] = o.Updated.UnixMilli(), o.UpdatedBy
	}
}
