// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Observe reads the connection, and the MCP services that are recorded or wanted.
func (adapter) Observe(ctx context.Context, in input) (state, error) {
	var out state
	if in.client == nil {
		return out, nil
	}
	found, err := in.client.Connection(ctx, string(in.spec.ConnectionName))
	if err != nil {
		return out, err
	}
	out.Holder = in.holder(found)
	if found != nil {
		out.Connection = in.seen(found)
	}
	names := slices.Clone(in.services)
	if m := in.spec.MCPService; m != nil {
		names = append(names, string(m.Name))
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		s, err := in.client.MCPService(ctx, n)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if err != nil {
			// The connection goes on without its service, and the plan says at its end what could not be seen.
			out.Unseen, out.Unavailable = err, fault.Of(err).Reason == wire.ReasonMCPServicesUnavailable
			break
		}
		if s != nil {
			slices.Sort(s.Tools)
			said := markIn(s.Comment)
			out.Services = append(out.Services, service{MCPService: *s, Marked: said == in.mark, Holder: in.marking(said)})
		}
	}
	in.pass.observed, in.pass.seen = true, out
	return out, nil
}

// seen is a connection as Databricks has it, with what is known of its credential.
func (in input) seen(c *admin.Connection) *link {
	out := &link{
		Name: string(in.spec.ConnectionName), ID: c.ID, Comment: c.Comment, Type: c.Type, CredentialType: c.CredentialType, URL: c.URL, Options: c.Options,
		UpdatedAt: c.UpdatedAt, UpdatedBy: c.UpdatedBy, Marked: markIn(c.Comment) == in.mark, Recorded: c.ID == in.id || c.ID == in.pass.written,
	}
	switch c.ID {
	case in.pass.written:
		out.Credential = in.pass.credential
	case in.id:
		out.Credential = in.credential
	}
	known := out.Credential
	out.Foreign = known.WrittenBy != "" && c.UpdatedBy != "" && known.WrittenBy != c.UpdatedBy && known.WrittenAt != c.UpdatedAt
	if out.Foreign {
		out.Credential.Fingerprint = "" // whoever changed it may have changed the credential
	}
	return out
}

// holder says who else has a connection: whose mark is there, or else who recorded it as
// its own, or else who is the oldest to declare it. It is "" when nobody else has.
func (in input) holder(found *admin.Connection) string {
	if found != nil {
		switch said := markIn(found.Comment); {
		case said == in.mark:
			return ""
		case said != "":
			if who := in.marking(said); who != "" {
				return who
			}
		}
	}
	mine := found != nil && found.ID == in.id
	first := "" // by name, so that every pass says the same
	for key, r := range in.rivals {
		recorded := found != nil && r.id == found.ID
		wins := recorded && (!mine || r.older) || r.claims && r.older && !mine
		if !r.same || !wins {
			continue
		}
		if first == "" || key < first {
			first = key
		}
	}
	if first == "" {
		return ""
	}
	return "is that of the Connection " + first + ", which declared it before: each has one owner"
}

// marking is what a mark says of an owner. That of a Connection of this installation
// which is gone says nothing.
func (in input) marking(said string) string {
	if said == "" || said == in.mark {
		return ""
	}
	key, own := markedBy(said, in.installation)
	if !own {
		return fmt.Sprintf("carries the mark %q of another installation: remove it there", said)
	}
	if _, exists := in.rivals[key]; !exists {
		return ""
	}
	return "is that of the Connection " + key + ", whose mark it carries: each has one owner"
}
