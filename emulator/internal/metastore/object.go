// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package metastore

import (
	"log/slog"
	"strings"
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

// Root names the metastore itself. It always exists and nobody owns it.
var Root = Securable{TypeMetastore, "metastore"}

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
