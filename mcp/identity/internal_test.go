// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
)

func TestATokenIsNotShown(t *testing.T) {
	const raw = "eyJ-the-token"
	holder := struct {
		exported   Caller
		unexported *Caller
		deep       []any
	}{Caller{Token: NewToken(raw)}, &Caller{Token: NewToken(raw)}, []any{NewToken(raw)}}
	encoded, err := json.Marshal(holder.exported)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "caller", holder.exported, "token", NewToken(raw), "holder", holder)
	for _, shown := range []string{
		fmt.Sprint(holder), fmt.Sprintf("%+v", holder), fmt.Sprintf("%#v", holder), fmt.Sprintf("%v", &holder),
		fmt.Sprint(NewToken(raw)), fmt.Sprintf("%#v", NewToken(raw)), fmt.Sprintf("%q", NewToken(raw)), string(encoded), logged.String(),
	} {
		if strings.Contains(shown, raw) || strings.Contains(shown, fmt.Sprintf("%x", raw)) {
			t.Errorf("shown as %s", shown)
		}
	}
	if NewToken(raw).Reveal() != raw || (Token{}).Reveal() != "" {
		t.Error("a token does not reveal its value")
	}
}

func TestReachAllowsByAddress(t *testing.T) {
	for address, want := range map[string]struct{ public, any, loopback bool }{
		"93.184.216.34":    {true, true, true},
		"2606:4700::1111":  {true, true, true},
		"10.0.0.1":         {false, true, false},
		"192.168.1.1":      {false, true, false},
		"100.64.0.1":       {false, true, false},
		"fd00::1":          {false, true, false},
		"::ffff:10.0.0.1":  {false, true, false},
		"127.0.0.1":        {false, false, true},
		"::1":              {false, false, true},
		"::ffff:127.0.0.1": {false, false, true},
		"169.254.169.254":  {false, false, false},
		"fe80::1":          {false, false, false},
		"0.0.0.0":          {false, false, false},
		"224.0.0.1":        {false, false, false},
		"ff01::1":          {false, false, false},
	} {
		ip := netip.MustParseAddr(address)
		got := struct{ public, any, loopback bool }{reach{}.allows(ip), reach{private: true}.allows(ip), reach{loopback: true}.allows(ip)}
		if got != want {
			t.Errorf("%s: %+v, want %+v", address, got, want)
		}
	}
	if (reach{private: true, loopback: true}).control("tcp", "no address", nil) == nil {
		t.Error("an address that is none was allowed")
	}
}
