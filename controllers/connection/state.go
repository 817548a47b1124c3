// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

// state is one connection and the MCP services over it. The zero value is nothing.
type state struct {
	Connection *link
	Services   []service
	// Holder is, of an observed state, who else has the connection: its message says it.
	Holder string
	// Unseen is, of an observed state, why MCP services could not be looked at, and
	// Unavailable says that the workspace has none.
	Unseen      error
	Unavailable bool

	// Adopt says, of a wanted state, that what others have made is taken over.
	Adopt bool
	// Unread is, of a wanted state, why there is no credential to write.
	Unread error
	// Outside is, of a wanted state, why the Boundary does not allow it. What we made is
	// taken away then, unless Orphan; Keep says that only the MCP service is too much.
	Outside      error
	Orphan, Keep bool
}

// link is the connection.
type link struct {
	Name, ID, Comment, Type, CredentialType, URL string
	// Options are those that are no secrets.
	Options map[string]string
	// Credential is what is known of the credential; its fingerprint is empty where that is nothing.
	Credential v1alpha1.ConnectionCredential
	// UpdatedAt and UpdatedBy say who changed it last. Foreign says that it was somebody
	// else since the credential was written.
	UpdatedAt int64
	UpdatedBy string
	Foreign   bool
	// Marked says that it carries our mark, Recorded that we made or adopted it.
	Marked, Recorded bool
}

func (l *link) ours() bool { return l != nil && (l.Marked || l.Recorded) }

// option is one option in the form that options are compared in.
func (l *link) option(name string) string {
	v := l.Options[name]
	switch {
	case name == admin.OptionHost:
		return strings.ToLower(strings.TrimSuffix(v, "/"))
	case name == admin.OptionPort && v == "":
		return "443"
	case name == admin.OptionBasePath && v == "":
		return "/"
	case name == admin.OptionMCP && v == "":
		return "false"
	}
	return v
}

// service is an MCP service.
type service struct {
	admin.MCPService
	// Marked says that it carries our mark; Holder is the one that it carries instead.
	Marked bool
	Holder string
}

func (s state) service(name string) *service {
	if i := slices.IndexFunc(s.Services, func(o service) bool { return o.Name == name }); i >= 0 {
		return &s.Services[i]
	}
	return nil
}

// without returns the state without a service.
func (s state) without(name string) state {
	s.Services = slices.DeleteFunc(slices.Clone(s.Services), func(o service) bool { return o.Name == name })
	return s
}
