// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// MCPService is a Unity Catalog MCP service: tools of the MCP server behind a connection.
type MCPService struct {
	// Name has three parts.
	Name, Comment string
	// Connection is the name of the connection, and ConnectionDeleted says that the service
	// leads to one that is gone, even if another has its name.
	Connection        string
	ConnectionDeleted bool
	// Tools are names of tools and prefixes that end in '*'. Empty stands for all tools.
	Tools []string
	// ETag changes with every change.
	ETag      string
	UpdatedBy string
}

type mcpServiceConfig struct {
	Source *mcpServiceSource `json:"source_connection,omitempty"`
	// Tools is sent also when it is empty, which opens all tools.
	Tools []string `json:"include_tool_selectors"`
}

type mcpServiceSource struct {
	Name    string `json:"name"`
	Deleted bool   `json:"is_deleted,omitempty"`
}

type mcpServiceBody struct {
	Name      string           `json:"name,omitempty"`
	Comment   string           `json:"comment"`
	Config    mcpServiceConfig `json:"config"`
	ETag      string           `json:"etag,omitempty"`
	UpdatedBy string           `json:"updated_by,omitempty"`
}

const (
	mcpServicesPath = "/api/2.1/unity-catalog/mcp-services"
	// mcpServiceMask names what an update replaces. Rate limits are not among it: somebody else may set them.
	mcpServiceMask = "comment,config.source_connection.name,config.include_tool_selectors"
	connections    = "connections/"
	mcpServices    = "mcp-services/"
)

func bodyOf(s MCPService) mcpServiceBody {
	return mcpServiceBody{Comment: s.Comment, Config: mcpServiceConfig{Source: &mcpServiceSource{Name: connections + s.Connection}, Tools: append([]string{}, s.Tools...)}}
}

// serviceName checks a full name and splits it into its schema and the name in there.
func serviceName(name string) (schema, id string, err error) {
	if _, err := wire.SecurableName(name); err != nil {
		return "", "", err
	}
	i := strings.LastIndex(name, ".")
	if strings.Count(name, ".") != 2 {
		return "", "", fault.Invalid(wire.ReasonRejected, fmt.Errorf("the MCP service %q must have a name of three parts", wire.Tidy(name, 64)))
	}
	return name[:i], name[i+1:], nil
}

func mcpServicePath(name string) (string, error) {
	if _, _, err := serviceName(name); err != nil {
		return "", err
	}
	return mcpServicesPath + "/" + url.PathEscape(name), nil
}

// MCPService returns an MCP service, or nil when there is none that the operator may
// see. A workspace without the API is a fault Denied with ReasonMCPServicesUnavailable.
func (c *Client) MCPService(ctx context.Context, name string) (*MCPService, error) {
	path, err := mcpServicePath(name)
	if err != nil {
		return nil, err
	}
	var out mcpServiceBody
	if err := c.workspace.do(ctx, http.MethodGet, path, nil, nil, &out); err != nil {
		if isMissing(err) {
			return nil, nil //nolint:nilnil // none is not an error
		}
		return nil, mcpServiceFault(err)
	}
	if !strings.EqualFold(out.Name, mcpServices+name) || out.Config.Source == nil {
		return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	return &MCPService{
		Name: name, Comment: out.Comment, Connection: strings.TrimPrefix(out.Config.Source.Name, connections), ConnectionDeleted: out.Config.Source.Deleted,
		Tools: out.Config.Tools, ETag: out.ETag, UpdatedBy: wire.Tidy(out.UpdatedBy, 128),
	}, nil
}

// CreateMCPService makes an MCP service. IsAlreadyExists tells that its name is taken.
func (c *Client) CreateMCPService(ctx context.Context, s MCPService) error {
	schema, id, err := serviceName(s.Name)
	if err != nil {
		return err
	}
	path := mcpServicesPath + "?" + url.Values{"mcp_service_id": {id}, "parent": {"schemas/" + schema}}.Encode()
	err = c.workspace.do(ctx, http.MethodPost, path, nil, bodyOf(s), nil)
	if isMissing(err) { // the schema, or the connection
		return fault.Waiting(wire.ReasonSecurableNotFound, err)
	}
	return mcpServiceFault(err)
}

// UpdateMCPService replaces the comment, the connection and the tools of a service, if
// it is as it was when its ETag was read.
func (c *Client) UpdateMCPService(ctx context.Context, s MCPService) error {
	path, err := mcpServicePath(s.Name)
	if err != nil {
		return err
	}
	query := url.Values{"update_mask": {mcpServiceMask}}
	if s.ETag != "" {
		query.Set("etag", s.ETag)
	}
	err = c.workspace.do(ctx, http.MethodPatch, path+"?"+query.Encode(), nil, bodyOf(s), nil)
	if isMissing(err) {
		return fault.Waiting(wire.ReasonSecurableNotFound, err)
	}
	return mcpServiceFault(err)
}

// DeleteMCPService deletes a service, if it is as it was when its ETag was read. What does not exist is deleted.
func (c *Client) DeleteMCPService(ctx context.Context, name, etag string) error {
	path, err := mcpServicePath(name)
	if err != nil {
		return err
	}
	if etag != "" {
		path += "?" + url.Values{"etag": {etag}}.Encode()
	}
	if err := c.workspace.do(ctx, http.MethodDelete, path, nil, nil, nil); !isMissing(err) {
		return mcpServiceFault(err)
	}
	return nil
}

// mcpServiceFault knows what the API of MCP services answers and others do not.
func mcpServiceFault(err error) error {
	var a *answer
	switch {
	case !errors.As(err, &a):
	case a.ErrorCode == "ENDPOINT_NOT_FOUND" || a.StatusCode == http.StatusNotImplemented && !unfamiliar(a):
		return fault.Denied(wire.ReasonMCPServicesUnavailable, fmt.Errorf("the workspace has no API for MCP services: %w", err))
	case a.ErrorCode == "ABORTED":
		return fault.Transient(wire.ReasonChanged, fmt.Errorf("somebody changed it at the same time: %w", err))
	}
	return err
}
