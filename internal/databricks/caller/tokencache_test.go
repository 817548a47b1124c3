// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package caller_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// cached is a cache with a clock that stands still, and a count of exchanges.
type cached struct {
	*caller.TokenCache
	now      time.Time
	loads    int
	lifetime time.Duration // of the tokens that are loaded
	err      error
}

func newCached(t *testing.T) *cached {
	t.Helper()
	c := &cached{now: time.Unix(1_000_000, 0), lifetime: time.Hour}
	cache, err := caller.NewTokenCache(caller.TokenCacheOptions{MaximumSize: 100, Now: func() time.Time { return c.now }})
	if err != nil {
		t.Fatal(err)
	}
	c.TokenCache = cache
	return c
}

func (c *cached) get(t *testing.T, k caller.TokenKey, most time.Duration) error {
	t.Helper()
	_, err := c.Token(t.Context(), k, most, func(context.Context) (caller.Token, error) {
		c.loads++
		return caller.Token{AccessToken: "x", Expiry: c.now.Add(c.lifetime)}, c.err
	})
	return err
}

func TestATokenIsKeptUntilTheEarliestEnd(t *testing.T) {
	for name, c := range map[string]struct {
		lifetime, most, after time.Duration
		loads                 int
	}{
		"while it is good":                        {time.Hour, time.Hour, 30 * time.Minute, 1},
		"not up to its very end":                  {time.Minute, time.Hour, 51 * time.Second, 2},
		"just before that":                        {time.Minute, time.Hour, 49 * time.Second, 1},
		"not past the longest that is allowed":    {time.Hour, time.Minute, time.Minute, 2},
		"just before the longest that is allowed": {time.Hour, time.Minute, 59 * time.Second, 1},
		"not at all when it ends at once":         {5 * time.Second, time.Hour, 0, 2},
		"not at all when nothing is allowed":      {time.Hour, 0, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			k := newCached(t)
			k.lifetime = c.lifetime
			_ = k.get(t, caller.TokenKey{}, c.most)
			k.now = k.now.Add(c.after)
			_ = k.get(t, caller.TokenKey{}, c.most)
			if k.loads != c.loads {
				t.Errorf("%d exchanges", k.loads)
			}
		})
	}
}

func TestEachPartOfTheKeyCounts(t *testing.T) {
	c := newCached(t)
	keys := []caller.TokenKey{
		{}, {Issuer: "a"}, {Subject: "a"}, {ServicePrincipal: "a"}, {Workspace: "a"}, {Scopes: []string{"a"}}, {Source: [32]byte{1}},
		{Issuer: "ab"}, {Issuer: "a", Subject: "b"}, {Scopes: []string{"a", "b"}}, {Scopes: []string{"ab"}}, {Scopes: []string{"a b"}},
	}
	for range 2 {
		for _, k := range keys {
			_ = c.get(t, k, time.Hour)
		}
	}
	if c.loads != len(keys) {
		t.Errorf("%d exchanges for %d keys", c.loads, len(keys))
	}
}

func TestARefusalIsRememberedForAMoment(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		after time.Duration
		loads int
	}{
		"a definitive one":                {&caller.ExchangeError{Code: "invalid_grant", Status: 400}, 900 * time.Millisecond, 1},
		"a definitive one, later":         {&caller.ExchangeError{Code: "invalid_grant", Status: 400}, time.Second, 2},
		"a rate limit is not":             {&caller.ExchangeError{Code: "unknown_error", Status: 429}, 0, 2},
		"nor is a failure of the service": {&caller.ExchangeError{Code: "invalid_grant", Status: 500}, 0, 2},
		"nor is an answer that was lost":  {errors.New("lost"), 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			k := newCached(t)
			k.err = c.err
			first := k.get(t, caller.TokenKey{}, time.Hour)
			k.now = k.now.Add(c.after)
			second := k.get(t, caller.TokenKey{}, time.Hour)
			if !errors.Is(first, c.err) || !errors.Is(second, c.err) || k.loads != c.loads {
				t.Errorf("got %v and %v with %d exchanges", first, second, k.loads)
			}
		})
	}
}

func TestDroppedTokensAreFetchedAnew(t *testing.T) {
	c := newCached(t)
	a, b := caller.TokenKey{Subject: "a"}, caller.TokenKey{Subject: "b"}
	for _, k := range []caller.TokenKey{a, b} {
		_ = c.get(t, k, time.Hour)
	}
	c.Drop(a)
	_, _ = c.get(t, a, time.Hour), c.get(t, b, time.Hour)
	if c.loads != 3 {
		t.Errorf("%d exchanges after one was dropped", c.loads)
	}
	c.DropIf(func(k caller.TokenKey) bool { return k.Subject == "b" })
	_, _ = c.get(t, a, time.Hour), c.get(t, b, time.Hour)
	if c.loads != 4 {
		t.Errorf("%d exchanges after one was chosen", c.loads)
	}
}

// TestOneExchangeIsInFlightForAKey lets the first caller go while others wait.
func TestOneExchangeIsInFlightForAKey(t *testing.T) {
	c := newCached(t)
	var loads atomic.Int32
	began, release := make(chan struct{}), make(chan struct{})
	load := func(context.Context) (caller.Token, error) {
		if loads.Add(1) == 1 {
			close(began)
		}
		<-release
		return caller.Token{AccessToken: "x", Expiry: c.now.Add(time.Hour)}, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := c.Token(ctx, caller.TokenKey{}, time.Hour, load)
		first <- err
	}()
	<-began
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if token, err := c.Token(t.Context(), caller.TokenKey{}, time.Hour, load); err != nil || token.AccessToken != "x" {
				t.Errorf("got %v", err)
			}
		})
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first got %v", err)
	}
	close(release)
	wg.Wait()
	if n := loads.Load(); n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

// TestADropReachesATokenBeingFetched drops while the exchange is on its way.
func TestADropReachesATokenBeingFetched(t *testing.T) {
	c := newCached(t)
	key := caller.TokenKey{Subject: "a"}
	_, _ = c.Token(t.Context(), key, time.Hour, func(context.Context) (caller.Token, error) {
		c.DropIf(func(caller.TokenKey) bool { return true })
		return caller.Token{AccessToken: "x", Expiry: c.now.Add(time.Hour)}, nil
	})
	_ = c.get(t, key, time.Hour)
	if c.loads != 1 {
		t.Error("the token of before the drop was kept")
	}
}

// TestAnExchangeThatPanicsIsAnError, and the next one is made.
func TestAnExchangeThatPanicsIsAnError(t *testing.T) {
	c := newCached(t)
	if _, err := c.Token(t.Context(), caller.TokenKey{}, time.Hour, func(context.Context) (caller.Token, error) { panic("dose") }); err == nil || strings.Contains(err.Error(), "dose") {
		t.Errorf("got %v", err)
	}
	if err := c.get(t, caller.TokenKey{}, time.Hour); err != nil || c.loads != 1 {
		t.Errorf("got %v after %d exchanges", err, c.loads)
	}
}

// TestADropOfAKeyBeingFetched: those who wait get a token that was exchanged after it.
func TestADropOfAKeyBeingFetched(t *testing.T) {
	c := newCached(t)
	key, began, release := caller.TokenKey{Subject: "a"}, make(chan struct{}, 9), make(chan struct{})
	load := func(context.Context) (caller.Token, error) {
		began <- struct{}{}
		<-release
		return caller.Token{AccessToken: "x", Expiry: c.now.Add(time.Hour)}, nil
	}
	got := make(chan error, 1)
	go func() {
		_, err := c.Token(t.Context(), key, time.Hour, load)
		got <- err
	}()
	<-began
	c.Drop(key)
	close(release)
	if err := <-got; err != nil {
		t.Error(err)
	}
	if _ = c.get(t, key, time.Hour); c.loads+len(began) != 1 {
		t.Errorf("%d exchanges after the drop", c.loads+len(began))
	}
}

// TestManyKeysAtOnce: each is exchanged once, and drops meanwhile do no harm.
func TestManyKeysAtOnce(t *testing.T) {
	c := newCached(t)
	var wg sync.WaitGroup
	for i := range 400 {
		key := caller.TokenKey{Subject: strconv.Itoa(i % 20)}
		wg.Go(func() {
			token, err := c.Token(t.Context(), key, time.Hour, func(context.Context) (caller.Token, error) {
				time.Sleep(time.Millisecond)
				return caller.Token{AccessToken: wire.Secret(key.Subject), Expiry: c.now.Add(time.Hour)}, nil
			})
			if err != nil || token.AccessToken.Reveal() != key.Subject {
				t.Errorf("%s got %s %v", key.Subject, token.AccessToken.Reveal(), err)
			}
		})
		if i%50 == 0 {
			wg.Go(func() { c.DropIf(func(k caller.TokenKey) bool { return k.Subject == "3" }) })
		}
	}
	wg.Wait()
}

func TestATokenThatIsKeptIsFoundWithoutMemory(t *testing.T) {
	k := newCached(t)
	key := caller.TokenKey{
		Issuer: "https://idp.example.com/", Subject: "auth0|0123456789abcdef01234567", ServicePrincipal: "aaaaaaaa-0000-4000-8000-000000000001",
		Workspace: "https://dbc-01234567-89ab.cloud.databricks.com", Scopes: []string{"genie", "sql"},
	}
	if err := k.get(t, key, time.Hour); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	load := func(context.Context) (caller.Token, error) { return caller.Token{}, errors.New("not kept") }
	if n := testing.AllocsPerRun(100, func() {
		if _, err := k.Token(ctx, key, time.Hour, load); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
