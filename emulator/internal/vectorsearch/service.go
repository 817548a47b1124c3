// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package vectorsearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/uc"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Index is a delta sync index whose embeddings are computed by the service.
type Index struct {
	// Name has three parts, in lower case: it is a table of Unity Catalog.
	Name     string `json:"name"`
	Endpoint string `json:"endpoint"`
	// Source is the table, PrimaryKey and Text are columns of it.
	Source     string `json:"source"`
	PrimaryKey string `json:"primaryKey"`
	Text       string `json:"text"`
	// Columns are kept beside the primary key and the text; none means all of the source's.
	Columns []string `json:"columns,omitempty"`
	// Owner reads the source. Empty is the owner of the source table.
	Owner string `json:"owner,omitempty"`
}

// Executor runs a statement.
type Executor interface {
	Execute(ctx context.Context, s sqlengine.Session, st sqlengine.Statement) (*sqlengine.Result, error)
}

// Directory knows the groups of a principal.
type Directory interface {
	GroupsOf(principal string) []string
	WorkspaceGroupsOf(principal string) []string
}

// Access answers what a principal may do with an endpoint, by its id. Queries do
// not need it: they are governed by the grant on the index.
type Access interface {
	Allows(principal, id string, levels ...string) bool
}

// Options are what a Service is made of.
type Options struct {
	// Endpoints are the names of the endpoints that exist, all of the type STANDARD.
	Endpoints []string
	// Indexes exist from the start. Their source tables need not.
	Indexes   []Index
	Metastore *uc.Store
	Executor  Executor
	Directory Directory
	// StateDir keeps indexes made by the API over a restart; empty keeps none.
	StateDir string
	// Scopes are those of which a token must have one. None is vector-search alone.
	Scopes []string
}

// Service serves indexes. It is safe for concurrent use.
type Service struct {
	opts    Options
	access  Access
	mu      sync.Mutex
	indexes map[string]Index
	pages   map[string]page // by token
}

// New makes a Service and the tables of Unity Catalog that its indexes are.
func New(o Options) (*Service, error) {
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"vector-search"}
	}
	s := &Service{opts: o, indexes: map[string]Index{}, pages: map[string]page{}}
	if err := s.read(); err != nil {
		return nil, err
	}
	for _, ix := range o.Indexes {
		old, exists := o.Metastore.Get(ix.securable())
		if exists && !old.Index {
			return nil, fmt.Errorf("the index %s: a table has that name", ix.Name)
		}
		s.indexes[ix.Name] = ix
		if exists {
			continue // with its grants
		}
		if err := o.Metastore.Put(ix.object()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Guard sets who may administer endpoints. It is called before the service serves.
func (s *Service) Guard(a Access) { s.access = a }

func (ix Index) securable() uc.Securable { return uc.Securable{Type: uc.TypeTable, Name: ix.Name} }

func (ix Index) object() uc.Object {
	return uc.Object{Type: uc.TypeTable, Name: ix.Name, Owner: ix.Owner, Created: time.Now().UTC(), Index: true}
}

func (s *Service) file() string { return filepath.Join(s.opts.StateDir, "vector-indexes.json") }

func (s *Service) read() error {
	if s.opts.StateDir == "" {
		return nil
	}
	raw, err := os.ReadFile(s.file())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s.indexes)
	}
	if err != nil {
		return fmt.Errorf("read the vector indexes: %w", err)
	}
	return nil
}

// save writes the indexes in one step. The caller holds the lock.
func (s *Service) save() error {
	if s.opts.StateDir == "" {
		return nil
	}
	raw, err := json.MarshalIndent(s.indexes, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.file()+".tmp", raw, 0o600); err != nil {
		return fmt.Errorf("keep the vector indexes: %w", err)
	}
	return os.Rename(s.file()+".tmp", s.file())
}

// EndpointID is the id of an endpoint, which its access list goes by.
func EndpointID(name string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("vector-search-endpoint/"+name)).String()
}

// EndpointExists says whether an endpoint has the id.
func (s *Service) EndpointExists(id string) bool {
	return slices.ContainsFunc(s.opts.Endpoints, func(name string) bool { return EndpointID(name) == id })
}

// find is an index that exists: one that was dropped from Unity Catalog does not.
func (s *Service) find(name string) (Index, error) {
	name = strings.ToLower(name)
	s.mu.Lock()
	ix, ok := s.indexes[name]
	s.mu.Unlock()
	if ok {
		o, exists := s.opts.Metastore.Get(ix.securable())
		ok = exists && o.Index
	}
	if !ok {
		return ix, wire.NotFound("Vector search index " + name + " does not exist.")
	}
	return ix, nil
}

// mayRead says whether a principal may query an index.
func (s *Service) mayRead(principal string, ix Index) error {
	if err := s.mayUse(principal, ix.securable().Parent()); err != nil {
		return err
	}
	if !s.opts.Metastore.Holds(principal, ix.securable(), "SELECT") {
		return lacks("SELECT", "Table", ix.Name)
	}
	return nil
}

// mayUse says whether a principal may look into a schema at all.
func (s *Service) mayUse(principal string, schema uc.Securable) error {
	if !s.opts.Metastore.Holds(principal, schema.Parent(), "USE_CATALOG") {
		return lacks("USE CATALOG", "Catalog", schema.Parent().Name)
	}
	if !s.opts.Metastore.Holds(principal, schema, "USE_SCHEMA") {
		return lacks("USE SCHEMA", "Schema", schema.Name)
	}
	return nil
}

func lacks(privilege, kind, name string) error {
	return wire.Denied(fmt.Sprintf("Insufficient privileges: User does not have %s on %s '%s'.", privilege, kind, name))
}
