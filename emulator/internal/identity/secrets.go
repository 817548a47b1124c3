// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
	"github.com/google/uuid"
)

func (h policies) listSecrets(_ context.Context, r *wire.Request) (any, error) {
	s := h.read()
	defer s.end()
	p, err := s.of(r)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, one := range p.Secrets {
		out = append(out, map[string]any{"id": one.ID, "secret_hash": one.Hash, "status": "ACTIVE"})
	}
	return map[string]any{"secrets": out}, nil
}

func (h policies) createSecret(_ context.Context, r *wire.Request) (any, error) {
	if len(r.Body) > 0 {
		var in struct{}
		if err := r.Decode(&in); err != nil { // a lifetime is not implemented, and says so
			return nil, err
		}
	}
	secret := newSecret()
	id := strings.ReplaceAll(uuid.NewString(), "-", "")
	err := h.change(func(s state) error {
		p, err := s.of(r)
		if err != nil {
			return err
		}
		p.Secrets = append(slices.Clone(p.Secrets), Secret{ID: id, Hash: hash(secret)})
		s.put(p)
		return nil
	})
	return map[string]any{"id": id, "secret": secret, "secret_hash": hash(secret), "status": "ACTIVE"}, err
}

func (h policies) removeSecret(_ context.Context, r *wire.Request) (any, error) {
	err := h.change(func(s state) error {
		p, err := s.of(r)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(p.Secrets, func(o Secret) bool { return o.ID == r.PathValue("id") })
		if i < 0 {
			return wire.NotFound("Secret does not exist.")
		}
		p.Secrets = slices.Delete(slices.Clone(p.Secrets), i, i+1)
		s.put(p)
		return nil
	})
	return wire.Reply{Status: http.StatusOK, Body: map[string]any{}}, err
}
