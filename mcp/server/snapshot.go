// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/mcp/identity"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// snapshot is an access document made ready: everything that a request needs,
// looked up and not computed. It is immutable, but for the caches of its authenticator.
type snapshot struct {
	doc     access.Document
	tools   map[string]*tools.Definition
	cells   map[string]map[string]*cell // role, tool
	callers identity.Authenticator
	backend *backend
	limiter *limiter
	server  *mcp.Server
	// resourceHost is the host that callers address.
	resourceHost string
	metadataURL  string
	// authorizationServers are the issuers of the document, sorted.
	authorizationServers []string

	// broken are the conditions that cannot be used, by rule, with the reason.
	broken map[string]error
}

// cell is the cell of a role and a tool; nil says no.
func (s *snapshot) cell(role, tool string) *cell { return s.cells[role][tool] }

// prepare makes a document ready but for its tools, without any call to the outside.
func prepare(doc access.Document) (*snapshot, error) {
	resource, err := url.Parse(doc.Resource)
	if err != nil || resource.Scheme != "https" || resource.Host == "" {
		return nil, fmt.Errorf("the resource of the access document is not an https URL")
	}
	if doc.Pattern != "Federation" {
		return nil, fmt.Errorf("the pattern of the access document is %q; this server serves Federation", doc.Pattern)
	}
	s := &snapshot{
		doc: doc, resourceHost: resource.Host,
		tools: make(map[string]*tools.Definition, len(doc.Tools)),
		cells: make(map[string]map[string]*cell, len(doc.Matrix)),
	}
	issuers := map[string]bool{}
	for _, i := range doc.Issuers {
		issuers[i.Issuer] = true
	}
	s.authorizationServers = slices.Sorted(maps.Keys(issuers))
	s.metadataURL = (&url.URL{Scheme: "https", Host: resource.Host, Path: metadataPath + resource.Path}).String()
	for _, t := range doc.Tools {
		if _, twice := s.tools[t.Name]; twice {
			return nil, fmt.Errorf("the access document names the tool %s twice", t.Name)
		}
		s.tools[t.Name] = nil // define makes it, once its clients are there
	}
	if err := s.fill(doc); err != nil {
		return nil, err
	}
	return s, nil
}

// fill makes the cells of the matrix, and refuses a matrix that names what the document does not define.
func (s *snapshot) fill(doc access.Document) error {
	conditions, broken := compileConditions(doc)
	s.broken = broken
	for role, names := range doc.Matrix {
		if _, ok := doc.Roles[role]; !ok {
			return fmt.Errorf("the matrix of the access document names the role %s, which it does not define", role)
		}
		row := make(map[string]*cell, len(names))
		for _, name := range names {
			if _, defined := s.tools[name]; !defined {
				return fmt.Errorf("the matrix of the access document names the tool %s, which it does not define", name)
			}
			row[name] = cellOf(doc.AllowRules[role][name], conditions)
		}
		s.cells[role] = row
	}
	for role, row := range doc.AllowRules {
		for tool := range row {
			if s.cell(role, tool) == nil {
				return fmt.Errorf("the access document has rules for the role %s and the tool %s, which its matrix does not allow", role, tool)
			}
		}
	}
	return nil
}

// listing is a tool as tools/list shows it.
func listing(t access.Tool) *mcp.Tool {
	destructive, open := t.Destructive, t.OpenWorld
	return &mcp.Tool{
		Name: t.Name, Title: t.Title, Description: t.Description,
		InputSchema: slices.Clone(t.InputSchema), OutputSchema: tools.OutputSchema,
		Annotations: &mcp.ToolAnnotations{
			Title: t.Title, ReadOnlyHint: t.ReadOnly, IdempotentHint: t.Idempotent,
			OpenWorldHint: &open, DestructiveHint: &destructive,
		},
	}
}
