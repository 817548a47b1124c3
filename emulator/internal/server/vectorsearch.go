// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/acl"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/identity"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/vectorsearch"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// VectorSearch is what there is to search by meaning.
type VectorSearch struct {
	// Endpoints are the names of the endpoints that exist, all of the type STANDARD.
	Endpoints []string `json:"endpoints,omitempty"`
	// Indexes exist from the start; others are made by the API.
	Indexes []VectorIndex `json:"indexes,omitempty"`
}

// VectorIndex is a delta sync index over a table.
type VectorIndex struct {
	// Name has three parts, of letters, digits and underscores. It is a table of Unity
	// Catalog and carries grants. Its catalog and schema need not exist from the start.
	Name     string `json:"name"`
	Endpoint string `json:"endpoint"`
	// SourceTable is a full name. The table need not exist from the start: until then
	// the index is not ready, and queries are answered with 400.
	SourceTable string `json:"sourceTable"`
	PrimaryKey  string `json:"primaryKey"`
	// TextColumn is the STRING column whose text is searched.
	TextColumn string `json:"textColumn"`
	// Columns are kept beside the primary key and the text. None means all of the source's.
	Columns []string `json:"columns,omitempty"`
	// Owner owns the index and reads the source table for it. Empty leaves the index to
	// the owner of its schema, and reads as the owner of the source table.
	Owner string `json:"owner,omitempty"`
}

func (v VectorSearch) check() error {
	var problems []error
	seen := map[string]bool{}
	for i, name := range v.Endpoints {
		if name == "" || strings.Contains(name, "/") || slices.Contains(v.Endpoints[:i], name) {
			problems = append(problems, fmt.Errorf("vectorSearch.endpoints[%d] must be a name of its own", i))
		}
	}
	for i, ix := range v.Indexes {
		if name := strings.ToLower(ix.Name); !vectorsearch.ValidName(name) || seen[name] {
			problems = append(problems, fmt.Errorf("vectorSearch.indexes[%d].name must have three parts and be its own", i))
		}
		seen[strings.ToLower(ix.Name)] = true
		if !slices.Contains(v.Endpoints, ix.Endpoint) {
			problems = append(problems, fmt.Errorf("vectorSearch.indexes[%d].endpoint must be one of vectorSearch.endpoints", i))
		}
		if strings.Count(ix.SourceTable, ".") != 2 || ix.PrimaryKey == "" || ix.TextColumn == "" {
			problems = append(problems, fmt.Errorf("vectorSearch.indexes[%d]: sourceTable must have three parts, primaryKey and textColumn must be set", i))
		}
	}
	return errors.Join(problems...)
}

// vectorSearch puts the indexes together with the tables that they are over.
func (o Options) vectorSearch(directory *identity.Store, engine *sqlengine.Engine) (*vectorsearch.Service, []wire.Route, error) {
	options := vectorsearch.Options{
		Endpoints: o.Config.VectorSearch.Endpoints, Metastore: engine.Store, Executor: engine, Directory: o.sessions(directory),
	}
	if o.Config.Switches.VectorSearchBySQLScope {
		options.Scopes = []string{"vector-search", "sql"}
	}
	for _, ix := range o.Config.VectorSearch.Indexes {
		one := vectorsearch.Index{
			Name: strings.ToLower(ix.Name), Endpoint: ix.Endpoint, Source: strings.ToLower(ix.SourceTable), PrimaryKey: strings.ToLower(ix.PrimaryKey),
			Text: strings.ToLower(ix.TextColumn), Owner: ix.Owner,
		}
		for _, c := range ix.Columns {
			one.Columns = append(one.Columns, strings.ToLower(c))
		}
		options.Indexes = append(options.Indexes, one)
	}
	service, err := vectorsearch.New(options)
	if err != nil {
		return nil, nil, err
	}
	access, err := acl.Open(o.state, acl.Kind{
		Path: "vector-search-endpoints", Type: "vector-search-endpoints", Noun: "vector search endpoint",
		Levels: []string{"CAN_USE", "CAN_MANAGE"}, Exists: service.EndpointExists,
	}, directory)
	if err != nil {
		return nil, nil, err
	}
	service.Guard(access)
	return service, append(service.Routes(), access.Routes()...), nil
}
