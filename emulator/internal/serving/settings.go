// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// settings are what is kept of an endpoint beside its declaration.
type settings struct {
	Gateway *gateway          `json:"gateway,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
	// Payloads is the table that requests and answers go to; nil when they are not logged.
	Payloads *payloadTable `json:"payloads,omitempty"`
	// Described says that system.serving.served_entities tells of the endpoint.
	Described bool `json:"described,omitempty"`
}

// gateways are the configurations and tags of endpoints, by id, and what was asked of them.
type gateways struct {
	// configure lets one configuration be written at a time; what it makes must not hold up invocations.
	configure sync.Mutex
	state     *store.Store
	settings  *store.Collection[settings]
	mu        sync.Mutex // guards hits
	hits      map[string][]hit
	now       func() time.Time
}

func openGateways(s *store.Store) (*gateways, error) {
	rows, err := store.Collect[settings](s, "serving.endpoints")
	return &gateways{state: s, settings: rows, hits: map[string][]hit{}, now: time.Now}, err
}

func (g *gateways) get(id string) settings {
	tx := g.state.Read()
	defer tx.End()
	k, _ := g.settings.Get(tx, id)
	return k
}

// change changes what is kept of an endpoint, or leaves it if that fails.
func (g *gateways) change(id string, change func(k *settings) error) (settings, error) {
	var k settings
	err := g.state.Change(func(tx *store.Tx) error {
		k, _ = g.settings.Get(tx, id)
		if k.Tags = maps.Clone(k.Tags); k.Tags == nil {
			k.Tags = map[string]string{}
		}
		if err := change(&k); err != nil {
			return err
		}
		g.settings.Put(tx, id, k)
		return nil
	})
	return k, err
}

// managed is the endpoint of a request whose caller may manage it.
func (s *Service) managed(r *wire.Request) (Endpoint, error) {
	e, err := s.find(r.PathValue("name"))
	if err != nil {
		return e, err
	}
	if s.level(r.Caller.Principal(), e.Name) != "CAN_MANAGE" {
		return e, wire.Denied("You do not have permission to manage the serving endpoint '" + e.Name + "'.")
	}
	return e, nil
}

func (s *Service) putGateway(ctx context.Context, r *wire.Request) (any, error) {
	e, err := s.managed(r)
	if err != nil {
		return nil, err
	}
	var in gateway
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(e.Name); err != nil {
		return nil, err
	}
	s.gateways.configure.Lock()
	defer s.gateways.configure.Unlock()
	before := s.gateways.get(EndpointID(e.Name))
	payloads, err := s.payloads(ctx, r.Caller.Principal(), e, before, &in)
	if err != nil {
		return nil, err
	}
	_, err = s.gateways.change(EndpointID(e.Name), func(k *settings) error {
		k.Gateway, k.Payloads, k.Described = &in, payloads, k.Described || in.tracksUsage()
		return nil
	})
	if err == nil && in.tracksUsage() && !before.Described {
		s.describe(e)
	}
	return in, err
}

// mostTags, longestKey and longestValue bound tags.
const (
	mostTags     = 20
	longestKey   = 127
	longestValue = 255
)

func (s *Service) patchTags(_ context.Context, r *wire.Request) (any, error) {
	e, err := s.managed(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		Add []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"add_tags"`
		Delete []string `json:"delete_tags"`
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	k, err := s.gateways.change(EndpointID(e.Name), func(k *settings) error {
		for _, key := range in.Delete {
			delete(k.Tags, key)
		}
		for _, t := range in.Add {
			if t.Key == "" || len(t.Key) > longestKey || len(t.Value) > longestValue {
				return wire.BadParameter(fmt.Sprintf("the key of a tag must have 1 to %d characters, its value at most %d", longestKey, longestValue))
			}
			k.Tags[t.Key] = t.Value
		}
		if len(k.Tags) > mostTags {
			return wire.BadParameter(fmt.Sprintf("an endpoint has at most %d tags", mostTags))
		}
		return nil
	})
	return map[string]any{"tags": k.tags()}, err
}

// tags are in order.
func (k settings) tags() []any {
	out := []any{}
	for _, key := range slices.Sorted(maps.Keys(k.Tags)) {
		out = append(out, map[string]string{"key": key, "value": k.Tags[key]})
	}
	return out
}
