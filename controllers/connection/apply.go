// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/external"
)

// Apply writes one step.
func (adapter) Apply(ctx context.Context, in input, have state, s external.Step[state]) (state, error) {
	if len(s.Want.Services) > 0 {
		after, err := in.applyService(ctx, have, s)
		in.pass.failed = err
		return after, err
	}
	if s.Verb == external.Delete {
		if err := in.client.DeleteConnection(ctx, s.Want.Connection.Name); err != nil {
			return have, err
		}
		have.Connection = nil
		return have, nil
	}
	w := admin.ConnectionWrite{Name: s.Want.Connection.Name, Comment: s.Want.Connection.Comment, Options: s.Want.Connection.Options}
	w.Secrets = map[string]wire.Secret{admin.OptionBearerToken: in.secret}
	if in.spec.OAuthM2M != nil {
		w.Secrets = map[string]wire.Secret{admin.OptionClientSecret: in.secret}
	}
	write := in.client.UpdateConnection
	if s.Verb == external.Create {
		write = in.client.CreateConnection
	} else {
		doubted := *have.Connection
		doubted.Credential = v1alpha1.ConnectionCredential{} // until the answer is there, nobody knows which one it holds
		have.Connection = &doubted
	}
	c, err := write(ctx, w)
	if admin.IsAlreadyExists(err) {
		return in.taken(ctx, have, w.Name, err)
	}
	if err != nil {
		return have, err
	}
	in.pass.written = c.ID
	in.pass.credential = v1alpha1.ConnectionCredential{Fingerprint: in.fingerprint, WrittenAt: c.UpdatedAt, WrittenBy: c.UpdatedBy}
	have.Connection = in.seen(c)
	return have, nil
}

// taken looks at what has a name that seemed free. With our mark it is ours, from a call
// whose answer was lost; its credential is not known and is written by the next step.
func (in input) taken(ctx context.Context, have state, name string, exists error) (state, error) {
	found, err := in.client.Connection(ctx, name)
	switch {
	case err != nil:
		return have, err
	case found == nil:
		return have, fmt.Errorf("%w: the operator may not see it; let whoever owns it give the operator MANAGE on it, or declare another `connectionName`", exists)
	case markIn(found.Comment) != in.mark:
		return have, exists
	}
	have.Connection = in.seen(found)
	return have, nil
}

func (in input) applyService(ctx context.Context, have state, s external.Step[state]) (state, error) {
	w := s.Want.Services[0]
	var err error
	switch s.Verb {
	case external.Delete:
		err = in.client.DeleteMCPService(ctx, w.Name, w.ETag)
	case external.Create:
		err = in.client.CreateMCPService(ctx, w.MCPService)
		if admin.IsAlreadyExists(err) {
			if found, readErr := in.client.MCPService(ctx, w.Name); readErr == nil && found != nil && markIn(found.Comment) == in.mark {
				err = nil // from a call whose answer was lost
			}
		}
	default:
		err = in.client.UpdateMCPService(ctx, w.MCPService)
	}
	if err != nil {
		return have, err
	}
	have = have.without(w.Name)
	if s.Verb != external.Delete {
		w.ETag = ""
		have.Services = append(have.Services, w)
	}
	return have, nil
}
