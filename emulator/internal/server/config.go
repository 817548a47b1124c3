// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/identity"
)

// Config says what is emulated. It is read from YAML, strictly.
type Config struct {
	AccountID string    `json:"accountID"`
	Workspace Workspace `json:"workspace"`
	// Warehouses are the SQL warehouses that exist.
	Warehouses []Warehouse `json:"warehouses,omitempty"`
	// Genie is what there is to ask in natural language.
	Genie Genie `json:"genie,omitempty"`
	// VectorSearch is what there is to search by meaning.
	VectorSearch VectorSearch `json:"vectorSearch,omitempty"`
	// Serving is the models and supervisors that there are.
	Serving Serving `json:"serving,omitempty"`
	// Connections say how http_request() reaches upstreams, and what secret() reads.
	Connections Connections `json:"connections,omitempty"`
	// Principals exist from the start.
	Principals []Principal `json:"principals,omitempty"`
	// Groups exist from the start, without members of their own.
	Groups []string `json:"groups,omitempty"`
	// Switches choose where the real service's behaviour is not established.
	Switches Switches `json:"switches,omitempty"`
}

// Workspace is the workspace.
type Workspace struct {
	ID string `json:"id"`
}

// Warehouse is a SQL warehouse.
type Warehouse struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Principal is a service principal or a user that exists from the start.
type Principal struct {
	DisplayName   string `json:"displayName"`
	ApplicationID string `json:"applicationID,omitempty"`
	UserName      string `json:"userName,omitempty"`
	AccountAdmin  bool   `json:"accountAdmin,omitempty"`
	// Workspace is USER, ADMIN or empty.
	Workspace string `json:"workspace,omitempty"`
	// SecretFile holds an OAuth secret.
	SecretFile string   `json:"secretFile,omitempty"`
	Groups     []string `json:"groups,omitempty"`
	Policies   []Policy `json:"federationPolicies,omitempty"`
}

// Policy is a federation policy that exists from the start.
type Policy struct {
	Issuer       string   `json:"issuer"`
	Audiences    []string `json:"audiences,omitempty"`
	Subject      string   `json:"subject"`
	SubjectClaim string   `json:"subjectClaim,omitempty"`
	// JWKSFile holds the issuer's keys, for an issuer that cannot be reached.
	JWKSFile string `json:"jwksFile,omitempty"`
}

// Switches choose between readings of the facts.
type Switches struct {
	// UnassignedExchange lets service principals that are not assigned to the workspace get a token there.
	UnassignedExchange bool `json:"unassignedExchange,omitempty"`
	// ConnectionOptionsMerge keeps the options of a connection that a PATCH leaves out, where otherwise it replaces all.
	ConnectionOptionsMerge bool `json:"connectionOptionsMerge,omitempty"`
	// GenieBothScopes asks for both genie and dashboards.genie, as on Azure; one is enough otherwise.
	GenieBothScopes bool `json:"genieBothScopes,omitempty"`
	// GenieForeignNotFound answers 404 for the Genie conversations of others, where 403 is documented.
	GenieForeignNotFound bool `json:"genieForeignNotFound,omitempty"`
	// VectorSearchBySQLScope takes tokens with the scope sql for vector search, beside vector-search.
	VectorSearchBySQLScope bool `json:"vectorSearchBySQLScope,omitempty"`
	// MCPServicesMissing is the status, 404 or 501, that a workspace without the API of MCP
	// services answers it with. 0 means that there is one.
	MCPServicesMissing int `json:"mcpServicesMissing,omitempty"`
	// SupervisorMarkers puts <name>agent</name> before what each sub-agent said.
	SupervisorMarkers bool `json:"supervisorMarkers,omitempty"`
	// SupervisorForbids answers 403 when the caller may use none of the sub-agents that a
	// question is for, where otherwise the answer says so.
	SupervisorForbids bool `json:"supervisorForbids,omitempty"`
	// AccountGroupsByAssignment lets is_account_group_member() see only groups that are assigned to
	// the workspace; otherwise it sees all of the account.
	AccountGroupsByAssignment bool `json:"accountGroupsByAssignment,omitempty"`
}

var (
	uuidPattern   = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	numberPattern = regexp.MustCompile(`^[0-9]+$`)
)

// ReadConfig reads a Config from a file and says everything that is wrong with it.
func ReadConfig(file string) (Config, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("read the bootstrap file: %w", err)
	}
	var c Config
	if err := yaml.UnmarshalStrict(raw, &c); err != nil {
		return Config{}, fmt.Errorf("read the bootstrap file: %w", err)
	}
	return c, c.check()
}

func (c Config) check() error {
	var problems []error
	if !uuidPattern.MatchString(c.AccountID) {
		problems = append(problems, errors.New("accountID must be a UUID"))
	}
	if !numberPattern.MatchString(c.Workspace.ID) {
		problems = append(problems, errors.New("workspace.id must be a number"))
	}
	for i, p := range c.Principals {
		if (p.ApplicationID == "") == (p.UserName == "") {
			problems = append(problems, fmt.Errorf("principals[%d]: exactly one of applicationID and userName must be set", i))
		}
		if p.ApplicationID != "" && !uuidPattern.MatchString(p.ApplicationID) {
			problems = append(problems, fmt.Errorf("principals[%d].applicationID must be a UUID", i))
		}
		if p.Workspace != "" && p.Workspace != "USER" && p.Workspace != "ADMIN" {
			problems = append(problems, fmt.Errorf("principals[%d].workspace must be USER or ADMIN", i))
		}
	}
	if m := c.Switches.MCPServicesMissing; m != 0 && m != 404 && m != 501 {
		problems = append(problems, errors.New("switches.mcpServicesMissing must be 404 or 501"))
	}
	problems = append(problems, c.Genie.check())
	problems = append(problems, c.Connections.check())
	problems = append(problems, c.VectorSearch.check(), c.Serving.check())
	return errors.Join(problems...)
}

// plant makes what the Config names exist.
func (c Config) plant(directory *identity.Store) error {
	for _, name := range c.Groups {
		if err := directory.PlantGroup(name); err != nil {
			return err
		}
	}
	for _, p := range c.Principals {
		seed := identity.Seed{
			DisplayName: p.DisplayName, ApplicationID: p.ApplicationID, UserName: p.UserName,
			AccountAdmin: p.AccountAdmin, Workspace: p.Workspace, Groups: p.Groups,
		}
		if p.SecretFile != "" {
			raw, err := os.ReadFile(p.SecretFile)
			if err != nil {
				return fmt.Errorf("read the secret of %s: %w", p.DisplayName, err)
			}
			seed.Secret = strings.TrimSpace(string(raw))
		}
		for _, f := range p.Policies {
			o := identity.OIDCPolicy{Issuer: f.Issuer, Audiences: f.Audiences, Subject: f.Subject, SubjectClaim: f.SubjectClaim}
			if f.JWKSFile != "" {
				raw, err := os.ReadFile(f.JWKSFile)
				if err != nil {
					return fmt.Errorf("read the keys of %s: %w", f.Issuer, err)
				}
				o.JWKSJSON = string(raw)
			}
			seed.Policies = append(seed.Policies, o)
		}
		if err := directory.Plant(seed); err != nil {
			return fmt.Errorf("plant %s: %w", p.DisplayName, err)
		}
	}
	return nil
}
