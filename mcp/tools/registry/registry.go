// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	nethttp "net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/function"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/genie"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/http"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/identity"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/serving"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/sql"
	"github.com/gatehouse-dev/gatehouse/mcp/tools/vectorsearch"
)

// Clients are how executors reach one workspace. They carry no credential.
type Clients struct {
	Statements   tools.Statements
	Genie        genie.Client
	VectorSearch vectorsearch.Client
	Serving      serving.Client
}

// Databricks returns the Clients over the real wire. Long is for what a model or an agent
// takes its time over.
func Databricks(host string, standard, long *nethttp.Client) Clients {
	return Clients{
		Statements: caller.NewStatements(host, standard), Genie: caller.NewGenie(host, standard),
		VectorSearch: caller.NewVectorSearch(host, standard), Serving: caller.NewServing(host, long),
	}
}

// Parts are what executors are made with; each is given only what its type needs. A part
// that no tool of the document needs may be absent.
type Parts struct {
	Clients
	// WarehouseID is the SQL warehouse that runs statements.
	WarehouseID string
	// Conversations make and open the handles of conversations with Genie.
	Conversations genie.Conversations
	// Questions limits the questions to Genie.
	Questions genie.Quota
	// Now is the clock.
	Now func() time.Time
}

func (p Parts) warehouse() tools.Warehouse {
	return tools.Warehouse{Statements: p.Statements, ID: p.WarehouseID}
}

// entry is one type of tool.
type entry struct {
	// name is the JSON name of the type's member of the access document.
	name string
	// is says whether a tool is of the type.
	is func(t access.Tool) bool
	// make makes the executor of a tool of the type.
	make func(t access.Tool, p Parts) (tools.Executor, error)
}

// entries are the types, in the order of the API. A new type is one entry here.
var entries = []entry{
	{"identity", func(t access.Tool) bool { return t.Identity != nil }, func(t access.Tool, p Parts) (tools.Executor, error) {
		return identity.New(identity.Options{Tool: *t.Identity, Warehouse: p.warehouse()})
	}},
	{"sql", func(t access.Tool) bool { return t.SQL != nil }, func(t access.Tool, p Parts) (tools.Executor, error) {
		return sql.New(sql.Options{Tool: *t.SQL, Warehouse: p.warehouse()})
	}},
	{"genie", func(t access.Tool) bool { return t.Genie != nil }, func(t access.Tool, p Parts) (tools.Executor, error) {
		return genie.New(genie.Options{Tool: *t.Genie, Name: t.Name, Client: p.Genie, Conversations: p.Conversations, Quota: p.Questions, Now: p.Now})
	}},
	{"vectorSearch", func(t access.Tool) bool { return t.VectorSearch != nil }, func(t access.Tool, p Parts) (tools.Executor, error) {
		return vectorsearch.New(vectorsearch.Options{Tool: *t.VectorSearch, Client: p.VectorSearch})
	}},
	{"serving", func(t access.Tool) bool { return t.Serving != nil }, func(t access.Tool, p Parts) (tools.Executor, error) {
		return serving.New(serving.Options{Tool: *t.Serving, Client: p.Serving})
	}},
	{"http", func(t access.Tool) bool { return t.HTTP != nil }, func(t access.Tool, p Parts) (tools.Executor, error) {
		return http.New(http.Options{Tool: *t.HTTP, Warehouse: p.warehouse()})
	}},
	{"function", func(t access.Tool) bool { return t.Function != nil }, func(t access.Tool, p Parts) (tools.Executor, error) {
		return function.New(function.Options{Tool: *t.Function, Warehouse: p.warehouse()})
	}},
}

// Define makes a tool of the access document ready to be called. It fails unless exactly one
// known type is set, and when the schema cannot be used or a part is missing.
func Define(t access.Tool, p Parts) (*tools.Definition, error) {
	var found []entry
	for _, e := range entries {
		if e.is(t) {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("tool %s: exactly one type that this server knows must be set", t.Name)
	}
	executor, err := found[0].make(t, p)
	if err != nil {
		return nil, fmt.Errorf("tool %s: %w", t.Name, err)
	}
	return tools.Define(t, executor)
}

// Names returns the JSON names of the types, in the order of the API.
func Names() []string {
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.name
	}
	return out
}
