// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/identity"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/unitycatalog"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/upstream"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Connections say how http_request() reaches upstreams, and what secret() reads.
type Connections struct {
	// CAFile holds certificates in PEM that sign those of upstreams and of their token
	// endpoints, beside the system's.
	CAFile string `json:"caFile,omitempty"`
	// PlainLoopback permits http:// on loopback addresses, for upstreams that a test
	// starts. Databricks speaks HTTPS only.
	PlainLoopback bool `json:"plainLoopback,omitempty"`
	// SecretScopes are what secret('scope','key') reads.
	SecretScopes []SecretScope `json:"secretScopes,omitempty"`
}

// SecretScope is a set of secrets. Workspace administrators read all of them.
type SecretScope struct {
	Name string `json:"name"`
	// Files hold the secrets, by key; white space around them is cut off.
	Files map[string]string `json:"files"`
	// Readers are the principals and groups that may use the secrets.
	Readers []string `json:"readers,omitempty"`
}

func (c Connections) check() error {
	var problems []error
	seen := map[string]bool{}
	for i, s := range c.SecretScopes {
		if s.Name == "" || seen[s.Name] || len(s.Files) == 0 {
			problems = append(problems, fmt.Errorf("connections.secretScopes[%d]: a name of its own and files must be set", i))
		}
		seen[s.Name] = true
	}
	return errors.Join(problems...)
}

// connections lets the engine call upstreams, and serves the connections.
func (o Options) connections(directory *identity.Store, engine *sqlengine.Engine) ([]wire.Route, error) {
	c := o.Config.Connections
	var roots *x509.CertPool
	if c.CAFile != "" {
		raw, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the authorities of upstreams: %w", err)
		}
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(raw) {
			return nil, errors.New("read the authorities of upstreams: there is no certificate")
		}
	}
	scopes := secretScopes{directory: directory, values: map[[2]string]string{}, readers: map[string][]string{}}
	for _, s := range c.SecretScopes {
		scopes.readers[s.Name] = s.Readers
		for key, file := range s.Files {
			raw, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read the secret %s of the scope %s: %w", key, s.Name, err)
			}
			scopes.values[[2]string{s.Name, key}] = strings.TrimSpace(string(raw))
		}
	}
	engine.HTTP = upstream.New(upstream.Options{Roots: roots, Plain: c.PlainLoopback})
	engine.Secrets = scopes
	return append(unitycatalog.ConnectionRoutes(engine.Store, unitycatalog.ConnectionOptions{
		Plain: c.PlainLoopback, Merge: o.Config.Switches.ConnectionOptionsMerge,
	}), unitycatalog.MCPServiceRoutes(engine.Store, engine.HTTP, o.Config.Switches.MCPServicesMissing)...), nil
}

// secretScopes are the secrets that the bootstrap file names.
type secretScopes struct {
	directory *identity.Store
	values    map[[2]string]string
	readers   map[string][]string
}

// Secret is a secret that a principal may read.
func (s secretScopes) Secret(principal, scope, key string) (string, bool) {
	names := append(s.directory.GroupsOf(principal), principal)
	if !s.directory.IsAdmin(principal) && !slices.ContainsFunc(s.readers[scope], func(r string) bool { return slices.Contains(names, r) }) {
		return "", false
	}
	value, ok := s.values[[2]string{scope, key}]
	return value, ok
}
