// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

const (
	gatewayBefore = `{"new_field":{"n":12345678901234567890},"rate_limits":[{"calls":0,"renewal_period":"minute"}]}`
	gatewayAfter  = `{"mine":true,"new_field":{"n":12345678901234567890},"rate_limits":[{"calls":0,"renewal_period":"minute"}]}`
)

// gatewayService keeps the configuration of an endpoint; meanwhile is called before each read is answered.
func gatewayService(t *testing.T, meanwhile func(read int, gateway *string)) *service {
	gateway, reads := gatewayBefore, 0
	return newService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			gateway = gatewayAfter
			wiretest.Answers(200, gateway)(w, r)
			return
		}
		reads++
		if meanwhile != nil {
			meanwhile(reads, &gateway)
		}
		wiretest.Answers(200, `{"name":"e","state":{"config_update":"NOT_UPDATING"},"tags":[{"key":"k","value":"v"}],"ai_gateway":`+gateway+`}`)(w, r)
	})
}

func mine(e admin.GatewayEndpoint) (admin.Gateway, error) {
	if e.Gateway["mine"] == true {
		return e.Gateway, nil
	}
	out := e.Gateway.Clone()
	out["mine"] = true
	return out, nil
}

func TestAGatewayIsWrittenAsItWasReadWithTheChange(t *testing.T) {
	s := gatewayService(t, nil)
	c := s.client(t)
	if err := c.ChangeGateway(t.Context(), "e", mine); err != nil {
		t.Fatal(err)
	}
	want := []string{"GET /api/2.0/serving-endpoints/e", "GET /api/2.0/serving-endpoints/e", "PUT /api/2.0/serving-endpoints/e/ai-gateway", "GET /api/2.0/serving-endpoints/e"}
	if diff := cmp.Diff(want, s.calls); diff != "" {
		t.Error(diff)
	}
	if got := strings.TrimSpace(s.bodies[2]); got != gatewayAfter {
		t.Errorf("written\n%s\nwant\n%s", got, gatewayAfter)
	}
	if err := c.ChangeGateway(t.Context(), "e", mine); err != nil || len(s.calls) != 5 {
		t.Errorf("a change that is there already took %v, %v", s.calls[4:], err)
	}
	e, err := c.GatewayEndpoint(t.Context(), "e")
	if err != nil || e.Tags["k"] != "v" || e.Busy {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestAGatewayThatChangesMeanwhileIsReadAgain(t *testing.T) {
	t.Run("between two reads", func(t *testing.T) {
		s := gatewayService(t, func(read int, g *string) {
			if read == 2 {
				*g = `{"other":1}`
			}
		})
		if err := s.client(t).ChangeGateway(t.Context(), "e", mine); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(s.bodies[3]); got != `{"mine":true,"other":1}` {
			t.Errorf("written %s after %v", got, s.calls)
		}
	})
	t.Run("all the time", func(t *testing.T) {
		s := gatewayService(t, func(read int, g *string) { *g = `{"other":` + strings.Repeat("1", read) + `}` })
		if err := s.client(t).ChangeGateway(t.Context(), "e", mine); !fault.Is(err, fault.ClassTransient) || len(s.calls) > 12 {
			t.Errorf("%d calls, %v", len(s.calls), err)
		}
	})
	t.Run("written over each time", func(t *testing.T) {
		s := gatewayService(t, func(_ int, g *string) { *g = gatewayBefore })
		if err := s.client(t).ChangeGateway(t.Context(), "e", mine); !fault.Is(err, fault.ClassTransient) || len(s.calls) > 20 {
			t.Errorf("%d calls, %v", len(s.calls), err)
		}
	})
}

func TestErrorsOfGateways(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		status int
		body   string
		want   fault.Class
		reason string
	}{
		"busy":    {409, `{"error_code":"RESOURCE_CONFLICT","message":"being updated"}`, fault.ClassProgressing, wire.ReasonEndpointBusy},
		"missing": {404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no such endpoint"}`, fault.ClassWaiting, wire.ReasonSecurableNotFound},
		"denied":  {403, `{"error_code":"PERMISSION_DENIED","message":"no"}`, fault.ClassDenied, wire.ReasonPermissionDenied},
		"refused": {400, `{"error_code":"INVALID_PARAMETER_VALUE","message":"no"}`, fault.ClassInvalid, wire.ReasonRejected},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					wiretest.Answers(200, `{"name":"e"}`)(w, r)
					return
				}
				wiretest.Answers(c.status, c.body)(w, r)
			})
			client := s.client(t)
			for verb, err := range map[string]error{
				"change": client.ChangeGateway(ctx, "e", mine), "tag": client.TagEndpoint(ctx, "e", "k", "v"),
			} {
				if f := fault.Of(err); f == nil || f.Class != c.want || f.Reason != c.reason {
					t.Errorf("%s: %v", verb, err)
				}
			}
			err := client.UntagEndpoint(ctx, "e", "k")
			if gone := c.status == 404; gone != (err == nil) {
				t.Errorf("untag: %v", err)
			}
		})
	}
	s := newService(t, wiretest.Answers(404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no such endpoint"}`))
	if e, err := s.client(t).GatewayEndpoint(ctx, "e"); e != nil || err != nil {
		t.Errorf("%v, %v", e, err)
	}
	if err := s.client(t).ChangeGateway(ctx, "e", mine); !fault.Is(err, fault.ClassWaiting) {
		t.Error(err)
	}
	before := len(s.calls)
	for _, bad := range []string{"", "a/b", "..", "a?b", "a b"} {
		_, err := s.client(t).GatewayEndpoint(ctx, bad)
		if err := errors.Join(err, s.client(t).TagEndpoint(ctx, bad, "k", "v")); !fault.Is(err, fault.ClassInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if len(s.calls) != before {
		t.Errorf("calls %v", s.calls[before:])
	}
}

func TestASchemaIsThereOrNotOrNotKnown(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		there  bool
		class  fault.Class
	}{
		"there":                   {status: 200, body: `{"full_name":"main.Logs"}`, there: true},
		"not there":               {status: 404, body: `{"error_code":"SCHEMA_DOES_NOT_EXIST","message":"Schema 'main.logs' does not exist."}`},
		"another":                 {status: 200, body: `{"full_name":"main.other"}`, class: fault.ClassTransient},
		"nobody's 404":            {status: 404, body: `<html>`, class: fault.ClassTransient},
		"for somebody else's use": {status: 403, body: `{"error_code":"PERMISSION_DENIED","message":"no"}`, class: fault.ClassDenied},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, wiretest.Answers(c.status, c.body))
			there, err := s.client(t).SchemaExists(t.Context(), "main.logs")
			if there != c.there || c.class == "" && err != nil || c.class != "" && !fault.Is(err, c.class) {
				t.Errorf("%t %v, want %t %s", there, err, c.there, c.class)
			}
			if s.calls[0] != "GET /api/2.1/unity-catalog/schemas/main.logs" {
				t.Errorf("called %v", s.calls)
			}
		})
	}
}
