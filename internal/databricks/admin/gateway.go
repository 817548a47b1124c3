// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/databricks/databricks-sdk-go/service/serving"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// busyAfter is when an endpoint that is being updated is looked at again.
const busyAfter = 15 * time.Second

// Gateway is the AI Gateway configuration of a serving endpoint as the API writes it.
// It is not the SDK's type: writing replaces all of it, so that what this program
// does not know must be written back, and the SDK leaves zero values out.
type Gateway map[string]any

// Clone is a deep copy. Numbers stay as they were written.
func (g Gateway) Clone() Gateway {
	out := Gateway{}
	if raw, err := json.Marshal(g); err == nil { // it came from JSON
		out, _ = decodeGateway(raw)
	}
	return out
}

func decodeGateway(raw []byte) (Gateway, error) {
	out := Gateway{}
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return out, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&out); err != nil || out == nil {
		return Gateway{}, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return out, nil
}

// GatewayEndpoint is a serving endpoint as its AI Gateway is concerned.
type GatewayEndpoint struct {
	Tags    map[string]string
	Gateway Gateway
	// Busy says that the endpoint is being updated.
	Busy bool
}

// GatewayEndpoint reads an endpoint; nil when it does not exist.
func (c *Client) GatewayEndpoint(ctx context.Context, name string) (*GatewayEndpoint, error) {
	n, err := wire.EndpointName(name)
	if err != nil {
		return nil, err
	}
	var out struct {
		Name  string `json:"name"`
		State struct {
			ConfigUpdate string `json:"config_update"`
		} `json:"state"`
		Tags []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"tags"`
		Gateway json.RawMessage `json:"ai_gateway"`
	}
	if err := c.workspace.do(ctx, http.MethodGet, "/api/2.0/serving-endpoints/"+string(n), nil, nil, &out); err != nil {
		if isMissing(err) {
			return nil, nil
		}
		return nil, err
	}
	if out.Name != name {
		return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	e := &GatewayEndpoint{Tags: map[string]string{}, Busy: out.State.ConfigUpdate == "IN_PROGRESS"}
	for _, t := range out.Tags {
		e.Tags[t.Key] = t.Value
	}
	e.Gateway, err = decodeGateway(out.Gateway)
	return e, err
}

// mostGatewayWrites bounds how often ChangeGateway begins anew.
const mostGatewayWrites = 5

// ChangeGateway writes what change makes of an endpoint's configuration, which change
// leaves as it is once nothing is left to do. An endpoint that does not exist is a
// fault Waiting with ReasonSecurableNotFound.
//
// The API can only replace all of a configuration, and knows no versions. So it is
// written when two reads in a row agree on it, and read once more: where somebody
// who read it earlier wrote over ours, ours is written again. What remains is what
// somebody else writes between the last read and the write: it is lost, and no answer
// tells of it.
func (c *Client) ChangeGateway(ctx context.Context, name string, change func(GatewayEndpoint) (Gateway, error)) error {
	n, err := wire.EndpointName(name)
	if err != nil {
		return err
	}
	path := "/api/2.0/serving-endpoints/" + string(n) + "/ai-gateway"
	defer c.serial.lock(path)()
	have, err := c.existing(ctx, name)
	for range mostGatewayWrites {
		if err != nil {
			return err
		}
		want, err := change(*have)
		if err != nil || reflect.DeepEqual(want, have.Gateway) {
			return err
		}
		before := have
		if have, err = c.existing(ctx, name); err != nil {
			return err
		}
		if !reflect.DeepEqual(have, before) {
			continue
		}
		if err := c.workspace.do(ctx, http.MethodPut, path, nil, want, nil); err != nil {
			return gatewayFault(err)
		}
		if have, err = c.existing(ctx, name); err != nil {
			return err
		}
	}
	if want, err := change(*have); err != nil || reflect.DeepEqual(want, have.Gateway) {
		return err
	}
	return fault.Transient(wire.ReasonUnavailable, errors.New("the AI Gateway configuration keeps changing while it is written"))
}

// existing reads an endpoint that must exist.
func (c *Client) existing(ctx context.Context, name string) (*GatewayEndpoint, error) {
	e, err := c.GatewayEndpoint(ctx, name)
	if err == nil && e == nil {
		err = fault.Waiting(wire.ReasonSecurableNotFound, errors.New("the serving endpoint does not exist, or the operator may not see it"))
	}
	return e, err
}

// TagEndpoint gives an endpoint a tag, in place of one with the same key.
func (c *Client) TagEndpoint(ctx context.Context, name, key, value string) error {
	return c.patchTags(ctx, serving.PatchServingEndpointTags{
		Name: name, AddTags: []serving.EndpointTag{{Key: key, Value: value, ForceSendFields: []string{"Value"}}},
	})
}

// UntagEndpoint takes a tag away. An endpoint that does not exist has none.
func (c *Client) UntagEndpoint(ctx context.Context, name, key string) error {
	err := c.patchTags(ctx, serving.PatchServingEndpointTags{Name: name, DeleteTags: []string{key}})
	if f := fault.Of(err); f != nil && f.Reason == wire.ReasonSecurableNotFound {
		return nil
	}
	return err
}

func (c *Client) patchTags(ctx context.Context, request serving.PatchServingEndpointTags) error {
	if _, err := wire.EndpointName(request.Name); err != nil {
		return err
	}
	_, err := c.workspace.endpoints.Patch(ctx, request)
	return gatewayFault(classify(err))
}

// gatewayFault classes what a write to an endpoint ended with.
func gatewayFault(err error) error {
	var a *answer
	if errors.As(err, &a) && a.StatusCode == http.StatusConflict && a.ErrorCode == "RESOURCE_CONFLICT" {
		return fault.Progressing(wire.ReasonEndpointBusy, busyAfter, err)
	}
	return securableFault(err)
}
