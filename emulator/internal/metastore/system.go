// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package metastore

import (
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

const (
	// SystemCatalog is the catalog of the platform's own tables. The platform alone writes
	// there: administrators grant reading it, and nobody may change it.
	SystemCatalog = "system"
	// SystemOwner is shown as the owner of what is in it. It is nobody: a principal or a
	// group that happens to have the name owns nothing.
	SystemOwner = "System user"
)

// systemPrivileges are all that can be granted on the system catalog and what is in it.
var systemPrivileges = []string{"USE_CATALOG", "USE_SCHEMA", "SELECT", "BROWSE"}

// InSystem says whether an object is the system catalog or in it.
func (s Securable) InSystem() bool {
	switch s.Type {
	case TypeCatalog, TypeSchema, TypeTable, TypeFunction, TypeMCPService:
		return s.Name == SystemCatalog || strings.HasPrefix(s.Name, SystemCatalog+".")
	}
	return false
}

// readOnly is the error for a change of the system catalog, or nil for other objects.
func readOnly(s Securable) error {
	if !s.InSystem() {
		return nil
	}
	return wire.Denied("The catalog '" + SystemCatalog + "' is managed by the platform and read-only: '" + s.Name + "' cannot be changed.")
}

// ownedBy says whether one of some names owns an object.
func (o Object) ownedBy(names []string) bool {
	return slices.Contains(names, o.Owner) && !o.Securable().InSystem()
}

// Owns says whether a principal or one of its groups is the owner of an object itself.
func (st *Store) Owns(principal string, s Securable) bool {
	o, ok := st.Get(s)
	return ok && o.ownedBy(append(st.Directory.GroupsOf(principal), principal))
}

// PutSystem writes a table of the system catalog for the platform, with the schema and
// the catalog that it is in. What is there already keeps its time of creation.
func (st *Store) PutSystem(table Object) error {
	return st.Change(func(tx *store.Tx) error {
		for at := table.Securable(); at.Name != ""; at = at.Parent() {
			o := Object{Type: at.Type, Name: at.Name, Created: table.Created}
			if at == table.Securable() {
				o = table
			}
			if old, ok := st.objects.Get(tx, at.key()); ok {
				o.Created = old.Created
			}
			o.Owner = SystemOwner
			st.put(tx, o)
		}
		return nil
	})
}
