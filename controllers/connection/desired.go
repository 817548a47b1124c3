// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"slices"
	"strconv"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
)

// Desired is pure.
func (adapter) Desired(in input) (state, error) {
	if in.refused != nil {
		return state{}, in.refused
	}
	if in.outside != nil {
		if in.client == nil {
			return state{}, in.outside
		}
		return state{Outside: in.outside, Keep: in.keep, Orphan: in.spec.DeletionPolicy == v1alpha1.DeletionOrphan}, nil
	}
	out := state{
		Adopt: in.spec.Adoption == v1alpha1.AdoptionAdopt, Unread: in.unread,
		Connection: &link{
			Name: string(in.spec.ConnectionName), Type: admin.HTTPConnection, Comment: marked(in.spec.Comment, in.mark), Options: options(in.spec),
			CredentialType: "BEARER_TOKEN", Credential: v1alpha1.ConnectionCredential{Fingerprint: in.fingerprint}, Marked: true, Recorded: true,
		},
	}
	if in.spec.OAuthM2M != nil {
		out.Connection.CredentialType = "OAUTH_M2M"
	}
	if m := in.spec.MCPService; m != nil {
		out.Services = []service{{Marked: true, MCPService: admin.MCPService{
			Name: string(m.Name), Comment: in.mark, Connection: string(in.spec.ConnectionName), Tools: selectors(m.Tools),
		}}}
	}
	return out, nil
}

// options are those that are no secrets.
func options(s v1alpha1.ConnectionSpec) map[string]string {
	out := map[string]string{
		admin.OptionHost: string(s.Host), admin.OptionPort: strconv.Itoa(int(s.Port)), admin.OptionBasePath: string(s.BasePath),
	}
	if s.Protocol == v1alpha1.ProtocolMCP {
		out[admin.OptionMCP] = "true"
	}
	if o := s.OAuthM2M; o != nil {
		out[admin.OptionClientID], out[admin.OptionScope], out[admin.OptionTokenEndpoint] = o.ClientID, o.Scope, string(o.TokenEndpoint)
	}
	return out
}

// selectors are tools as Unity Catalog has them: all of them are an empty list.
func selectors(tools []v1alpha1.ToolSelector) []string {
	var out []string
	for _, t := range tools {
		if t != "*" {
			out = append(out, string(t))
		}
	}
	slices.Sort(out)
	return out
}
