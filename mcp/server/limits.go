// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/cabundle"
	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/mcp/tools"
)

// storeTimeout bounds one question to the rate limit store.
const storeTimeout = 2 * time.Second

// limiter counts calls: in this process, or together with other pods in a store.
type limiter struct {
	ratelimit.Limiter
	// store is what the client was made of; nil for one that counts here.
	store  *access.RateLimitStore
	client *redis.Client
}

func (l *limiter) close() {
	if l.client != nil {
		_ = l.client.Close()
	}
}

// counting returns the limiter of a document. The one in use is kept while the
// store is the same, and with it what was counted.
func (s *Server) counting(store *access.RateLimitStore) (*limiter, error) {
	if old := s.limiter; old != nil && (old.store == nil) == (store == nil) && (store == nil || *old.store == *store) {
		return old, nil
	}
	if store == nil {
		return &limiter{Limiter: &ratelimit.Memory{Now: s.now}}, nil
	}
	o := &redis.Options{
		Addr: store.Address, DialTimeout: storeTimeout, ReadTimeout: storeTimeout, WriteTimeout: storeTimeout, ContextTimeoutEnabled: true,
		MaxRetries: 1, PoolSize: 16, ClientName: "gatehouse",
		CredentialsProviderContext: func(context.Context) (string, string, error) { return storeCredentials(s.opts.StoreDir) },
	}
	if store.TLS {
		roots, err := cabundle.Pool(store.CABundle)
		if err != nil {
			return nil, fmt.Errorf("rate limit store: %w", err)
		}
		host, _, _ := strings.Cut(store.Address, ":")
		o.TLSConfig = &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}
	}
	client, copied := redis.NewClient(o), *store
	return &limiter{Limiter: ratelimit.NewRedis(client, "gatehouse:"), store: &copied, client: client}, nil
}

// storeCredentials reads the mounted Secret at each connection, so that a changed
// password needs no restart. Without a Secret there are none.
func storeCredentials(dir string) (user, password string, err error) {
	if dir == "" {
		return "", "", nil
	}
	read := func(name string) (string, error) {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", errors.New("the credentials of the rate limit store cannot be read")
		}
		return strings.TrimRight(string(raw), "\r\n"), nil
	}
	if user, err = read("username"); err == nil {
		password, err = read("password")
	}
	return user, password, err
}

func limitOf(r *access.Rate) ratelimit.Limit {
	if r == nil {
		return ratelimit.Limit{}
	}
	return ratelimit.Limit{Max: int(r.Max), Window: time.Duration(r.WindowMillis) * time.Millisecond}
}

// admit counts a call against the limits that it falls under: the caller's, the tool's,
// and the caller's at the tool. What cannot be counted is not let through.
func (s *Server) admit(ctx context.Context, snap *snapshot, caller *principal, tool *tools.Definition) error {
	type bound struct {
		key   string
		rate  *access.Rate
		words string
	}
	var bounds []bound
	if r := snap.doc.Limits.PerCaller; r != nil {
		bounds = append(bounds, bound{"caller:" + caller.digest(), r, "you may call %d tools in a minute"})
	}
	if l := tool.Limits; l != nil {
		if l.PerCaller != nil {
			bounds = append(bounds, bound{"tool:" + tool.Name + ":" + caller.digest(), l.PerCaller, "you may call this tool %d times in a minute"})
		}
		if l.All != nil {
			bounds = append(bounds, bound{"tool:" + tool.Name, l.All, "this tool takes %d calls in a minute from all callers together"})
		}
	}
	for _, b := range bounds {
		wait, err := snap.limiter.Take(ctx, snap.doc.Server+":"+b.key, limitOf(b.rate))
		if err != nil {
			return tools.Errorf(tools.CodeUpstreamUnavailable, "the rate of calls cannot be counted at the moment; try again later").Because(err)
		}
		if wait > 0 {
			return tools.Errorf(tools.CodeRateLimited, b.words, b.rate.Declared).After(wait)
		}
	}
	return nil
}

// digest stands for a caller where nobody should read who it is.
func (p *principal) digest() string {
	sum := sha256.Sum256([]byte(p.Issuer + "\x00" + p.Subject))
	return hex.EncodeToString(sum[:16])
}
