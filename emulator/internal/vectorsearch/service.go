// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package vectorsearch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/session"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
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
	Indexes []Index
	// Metastore has the tables that indexes are. The indexes are kept in its state.
	Metastore *metastore.Store
	Executor  session.Executor
	Directory session.Directory
	// Scopes are those of which a token must have one. None is vector-search alone.
	Scopes []string
}

// Service serves indexes. It is safe for concurrent use.
type Service struct {
	opts    Options
	access  Access
	indexes *store.Collection[Index] // by name
	mu      sync.Mutex
	pages   map[string]page // by token
}

// New makes a Service and the tables of Unity Catalog that its indexes are.
func New(o Options) (*Service, error) {
	if len(o.Scopes) == 0 {
		o.Scopes = []string{"vector-search"}
	}
	indexes, err := store.Collect[Index](o.Metastore.State(), "vectorsearch.indexes")
	if err != nil {
		return nil, err
	}
	s := &Service{opts: o, indexes: indexes, pages: map[string]page{}}
	return s, o.Metastore.Change(func(tx *store.Tx) error {
		for _, ix := range o.Indexes {
			old, exists := o.Metastore.GetIn(tx, ix.securable())
			if exists && !old.Index {
				return fmt.Errorf("the index %s: a table has that name", ix.Name)
			}
			s.indexes.Put(tx, ix.Name, ix)
			if exists {
				continue // with its grants
			}
			if err := o.Metastore.PutIn(tx, ix.object()); err != nil {
				return err
			}
		}
		return nil
	})
}

// all are the indexes by name.
func (s *Service) all() map[string]Index {
	tx := s.opts.Metastore.State().Read()
	defer tx.End()
	return maps.Collect(s.indexes.All(tx))
}

// Guard sets who may administer endpoints. It is called before the service serves.
func (s *Service) Guard(a Access) { s.access = a }

func (ix Index) securable() metastore.Securable {
	return metastore.Securable{Type: metastore.TypeTable, Name: ix.Name}
}

func (ix Index) object() metastore.Object {
	return metastore.Object{Type: metastore.TypeTable, Name: ix.Name, Owner: ix.Owner, Created: time.Now().UTC(), Index: true}
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
	tx := s.opts.Metastore.State().Read()
	defer tx.End()
	ix, ok := s.indexes.Get(tx, name)
	if ok {
		o, exists := s.opts.Metastore.GetIn(tx, ix.securable())
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
func (s *Service) mayUse(principal string, schema metastore.Securable) error {
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
