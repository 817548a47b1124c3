// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package uc

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Types of securables, as paths name them.
const (
	TypeCatalog  = "catalog"
	TypeSchema   = "schema"
	TypeTable    = "table"
	TypeFunction = "function"
	// TypeConnection is a connection to an HTTP service; it is in no catalog.
	TypeConnection = "connection"
	// TypeMCPService is an MCP service over a connection.
	TypeMCPService = "mcp_service"
	// TypeMetastore is the one metastore itself, on which CREATE CONNECTION is granted.
	TypeMetastore = "metastore"
)

// Metastore names the metastore. It always exists and nobody owns it.
var Metastore = Securable{TypeMetastore, "metastore"}

// Securable names an object. Names are lower case.
type Securable struct{ Type, Name string }

func (s Securable) key() string { return s.Type + ":" + s.Name }

// Parent is what the object is in; the zero value for a catalog.
func (s Securable) Parent() Securable {
	i := strings.LastIndex(s.Name, ".")
	if i < 0 {
		return Securable{}
	}
	if s.Type == TypeSchema {
		return Securable{TypeCatalog, s.Name[:i]}
	}
	return Securable{TypeSchema, s.Name[:i]}
}

// Column is a column of a table, or a parameter of a function.
type Column struct {
	Name string `json:"name"`
	// Type is Databricks' name, upper case, such as DECIMAL(18,2).
	Type     string   `json:"type"`
	NotNull  bool     `json:"notNull,omitempty"`
	Comment  string   `json:"comment,omitempty"`
	Mask     string   `json:"mask,omitempty"`     // full name of a function
	MaskWith []string `json:"maskWith,omitempty"` // further columns passed to it
	// Tags are those of a column, by name.
	Tags map[string]string `json:"tags,omitempty"`
}

// Object is a catalog, schema, table, view, function, connection or MCP service.
type Object struct {
	Type    string    `json:"type"`
	Name    string    `json:"name"`
	Owner   string    `json:"owner"`
	Comment string    `json:"comment,omitempty"`
	Created time.Time `json:"created"`
	// Columns are those of a table, or the parameters of a function.
	Columns []Column `json:"columns,omitempty"`
	// Filter is the full name of a table's row filter, FilterOn the columns passed to it.
	Filter   string   `json:"filter,omitempty"`
	FilterOn []string `json:"filterOn,omitempty"`
	// Returns and Body are those of a function.
	Returns string `json:"returns,omitempty"`
	Body    string `json:"body,omitempty"`
	// Index says that a table is a vector search index: it carries grants, and its rows are its source's.
	Index bool `json:"index,omitempty"`
	// Table is what a function that returns a table returns; Returns is "TABLE" then.
	Table []Column `json:"table,omitempty"`
	// Query is that of a view; empty for a table.
	Query string `json:"query,omitempty"`
	// Tags are those of a table or view, by name.
	Tags map[string]string `json:"tags,omitempty"`
	// Options are those of a connection that anybody who sees it may read, Secrets the others.
	Options map[string]string `json:"options,omitempty"`
	Secrets map[string]Secret `json:"secrets,omitempty"`
	// Updated is when it was last changed, and UpdatedBy who did; the zero values if nobody
	// since it was made.
	Updated   time.Time `json:"updated,omitzero"`
	UpdatedBy string    `json:"updatedBy,omitempty"`
	// CreatedBy is who made it; empty stands for its owner.
	CreatedBy string `json:"createdBy,omitempty"`
	// Source and SourceID are the connection that an MCP service is over, Tools its selectors.
	Source   string   `json:"source,omitempty"`
	SourceID string   `json:"sourceID,omitempty"`
	Tools    []string `json:"tools,omitempty"`
}

// Secret is a value that is kept and never shown: it prints as [redacted].
type Secret string

func (Secret) String() string { return "[redacted]" }

// GoString is what %#v prints.
func (Secret) GoString() string { return "[redacted]" }

// LogValue is what slog prints.
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// Securable names the object.
func (o Object) Securable() Securable { return Securable{o.Type, o.Name} }

// Entry is what one principal holds on one object directly.
type Entry struct {
	Principal  string   `json:"principal"`
	Privileges []string `json:"privileges"`
}

type state struct {
	Objects map[string]Object              `json:"objects"`
	Grants  map[string]map[string][]string `json:"grants"` // securable, principal
}

// Directory answers what the metastore must know of principals.
type Directory interface {
	GroupsOf(principal string) []string
	PrincipalExists(name string) bool
	IsAdmin(principal string) bool
}

// Store is the metastore. It is safe for concurrent use.
type Store struct {
	Directory Directory
	mu        sync.RWMutex
	file      string
	s         state
}

// Open reads the metastore of a folder, or makes an empty one.
func Open(dir string, d Directory) (*Store, error) {
	st := &Store{Directory: d, s: state{Objects: map[string]Object{}, Grants: map[string]map[string][]string{}}}
	if dir == "" {
		return st, nil
	}
	st.file = filepath.Join(dir, "metastore.json")
	raw, err := os.ReadFile(st.file)
	if errors.Is(err, os.ErrNotExist) {
		return st, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &st.s)
	}
	if err != nil {
		return nil, fmt.Errorf("read the metastore: %w", err)
	}
	return st, nil
}

func (st *Store) save() error {
	if st.file == "" {
		return nil
	}
	raw, err := json.MarshalIndent(st.s, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(st.file+".tmp", raw, 0o600); err != nil {
		return fmt.Errorf("keep the metastore: %w", err)
	}
	return os.Rename(st.file+".tmp", st.file)
}

// Get returns an object.
func (st *Store) Get(s Securable) (Object, bool) {
	st.mu.RLock()
	defer st.mu.RUnlock()
	if s == Metastore {
		return Object{Type: s.Type, Name: s.Name}, true
	}
	o, ok := st.s.Objects[s.key()]
	return o, ok
}

// Rename gives an object that nothing is in another name and keeps the grants on it.
func (st *Store) Rename(s Securable, to string) error {
	if err := errors.Join(readOnly(s), readOnly(Securable{s.Type, to})); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	o, ok := st.s.Objects[s.key()]
	if !ok {
		return Missing(s)
	}
	o.Name = to
	grants := st.s.Grants[s.key()]
	delete(st.s.Objects, s.key())
	delete(st.s.Grants, s.key())
	st.s.Objects[o.Securable().key()] = o
	if grants != nil {
		st.s.Grants[o.Securable().key()] = grants
	}
	return st.save()
}

// List returns the objects of a type directly in a parent, by name.
func (st *Store) List(kind string, parent Securable) []Object {
	st.mu.RLock()
	defer st.mu.RUnlock()
	var out []Object
	for _, o := range st.s.Objects {
		if o.Type == kind && o.Securable().Parent() == parent {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b Object) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Put writes an object, of any catalog but system.
func (st *Store) Put(o Object) error {
	if err := readOnly(o.Securable()); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.s.Objects[o.Securable().key()] = o
	return st.save()
}

// Drop removes an object with all that is in it and all grants on them.
func (st *Store) Drop(s Securable) error {
	if err := readOnly(s); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for key, o := range st.s.Objects {
		if o.Securable() == s || strings.HasPrefix(o.Name, s.Name+".") && (s.Type == TypeCatalog || s.Type == TypeSchema) {
			delete(st.s.Objects, key)
			delete(st.s.Grants, key)
		}
	}
	return st.save()
}

// HasChildren says whether something is in a catalog or schema.
func (st *Store) HasChildren(s Securable) bool {
	if s.Type != TypeCatalog && s.Type != TypeSchema {
		return false
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	for _, o := range st.s.Objects {
		if o.Securable().Parent() == s {
			return true
		}
	}
	return false
}
