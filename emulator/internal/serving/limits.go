// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// hit is a request that was let through, or the tokens of one.
type hit struct {
	at time.Time
	n  int64
}

// counted are the counters that a request counts in.
type counted struct {
	endpoint string
	subjects []string
}

// admit lets a request through, or says when the next makes sense. The limit of the
// endpoint is for everybody. Of the others, a limit of the caller itself goes before
// those of its groups, and these before that of every user; a caller in several
// groups is refused when all of their limits are reached. Members share their group's.
func (s *Service) admit(id, caller string, g *gateway) (counted, error) {
	c := counted{endpoint: id}
	if g == nil || len(g.Limits) == 0 {
		return c, nil
	}
	minute := time.Duration(float64(time.Minute) * s.TimeScale)
	limits := sortLimits(g.Limits, caller, s.Directory.GroupsOf(caller))
	gs := s.gateways
	gs.mu.Lock()
	defer gs.mu.Unlock()
	now := gs.now()
	refused := limits.wait(caller, func(l rateLimit, subject string) time.Duration {
		if !slices.Contains(c.subjects, subject) {
			c.subjects = append(c.subjects, subject)
		}
		return gs.reached(id+"|"+subject, l, now, minute)
	})
	if refused > 0 {
		seconds := int64((refused + time.Second - 1) / time.Second)
		return c, &wire.Error{
			Status: http.StatusTooManyRequests, Code: "REQUEST_LIMIT_EXCEEDED", Message: "Rate limit exceeded for the serving endpoint. Try again later.",
			Header: http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}},
		}
	}
	gs.count(c, "calls", 1)
	return c, nil
}

// limits are the rate limits that concern a caller.
type limits struct{ ofEndpoint, own, ofGroups, ofUsers []rateLimit }

// sortLimits finds the limits that concern a caller, who is in some groups.
func sortLimits(all []rateLimit, caller string, groups []string) limits {
	var out limits
	for _, l := range all {
		switch {
		case l.Key == "" || l.Key == "endpoint":
			out.ofEndpoint = append(out.ofEndpoint, l)
		case l.Principal == caller && l.Key != "user_group":
			out.own = append(out.own, l)
		case l.Key == "user_group" && slices.Contains(groups, l.Principal):
			out.ofGroups = append(out.ofGroups, l)
		case l.Key == "user" && l.Principal == "":
			out.ofUsers = append(out.ofUsers, l)
		}
	}
	return out
}

// wait is how long the caller is refused, 0 if it is not. count says how long a limit is
// reached for a subject.
func (l limits) wait(caller string, count func(l rateLimit, subject string) time.Duration) time.Duration {
	longest := func(list []rateLimit, subject string) time.Duration {
		out := time.Duration(0)
		for _, one := range list {
			out = max(out, count(one, subject))
		}
		return out
	}
	refused := longest(l.ofEndpoint, "endpoint")
	switch {
	case len(l.own) > 0:
		return max(refused, longest(l.own, "principal/"+caller))
	case len(l.ofGroups) > 0:
		byGroup := map[string]time.Duration{}
		for _, one := range l.ofGroups {
			byGroup[one.Principal] = max(byGroup[one.Principal], count(one, "group/"+one.Principal))
		}
		return max(refused, slices.Min(slices.Collect(maps.Values(byGroup))))
	}
	return max(refused, longest(l.ofUsers, "user/"+caller))
}

// reached says how long a counter is at its limit, 0 if it is not.
func (gs *gateways) reached(key string, l rateLimit, now time.Time, minute time.Duration) time.Duration {
	return max(gs.full(key+"|calls", l.Calls, now, minute), gs.full(key+"|tokens", l.Tokens, now, minute))
}

// full says how long it takes until less than so much of the last minute is left.
func (gs *gateways) full(key string, most *int64, now time.Time, minute time.Duration) time.Duration {
	hits := slices.DeleteFunc(gs.hits[key], func(h hit) bool { return now.Sub(h.at) >= minute })
	gs.hits[key] = hits
	sum := int64(0)
	for _, h := range hits {
		sum += h.n
	}
	if most == nil || sum < *most {
		return 0
	}
	for _, h := range hits { // the oldest go first
		if sum -= h.n; sum < *most {
			return minute - now.Sub(h.at)
		}
	}
	return minute // nothing is ever let through
}

// count adds to the counters of a request.
func (gs *gateways) count(c counted, what string, n int) {
	for _, subject := range c.subjects {
		key := c.endpoint + "|" + subject + "|" + what
		gs.hits[key] = append(gs.hits[key], hit{gs.now(), int64(n)})
	}
}

// spend counts the tokens of a request that was let through.
func (s *Service) spend(c counted, tokens int) {
	s.gateways.mu.Lock()
	defer s.gateways.mu.Unlock()
	s.gateways.count(c, "tokens", tokens)
}
