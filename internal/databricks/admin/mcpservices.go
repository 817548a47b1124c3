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

	"github.com/databricks/databricks-sdk-go/service/catalog"

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

const (
	mcpServicesPath = "/api/2.1/unity-catalog/mcp-services"
	// mcpServiceMask names what an update replaces. Rate limits are not among it: somebody else may set them.
	mcpServiceMask = "comment,config.source_connection.name,config.include_tool_selectors"
	connections    = "connections/"
	mcpServices    = "mcp-services/"
)

// mcpServiceWrite is a service as it is written. It is not the SDK's type, which sends no
// empty list of tools: an update that opens all tools would leave those of before.
type mcpServiceWrite struct {
	Comment string `json:"comment"`
	Config  struct {
		Source struct {
			Name string `json:"name"`
		} `json:"source_connection"`
		Tools []string `json:"include_tool_selectors"`
	} `json:"config"`
}

func bodyOf(s MCPService) mcpServiceWrite {
	body := mcpServiceWrite{Comment: s.Comment}
	body.Config.Source.Name = connections + s.Connection
	body.Config.Tools = append([]string{}, s.Tools...)
	return body
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
	if _, _, err := serviceName(name); err != nil {
		return nil, err
	}
	got, err := c.workspace.gateway.GetMcpService(ctx, catalog.GetMcpServiceRequest{Name: mcpServices + name})
	if err = classify(err); err != nil {
		if isMissing(err) {
			return nil, nil //nolint:nilnil // none is not an error
		}
		return nil, mcpServiceFault(err)
	}
	if !strings.EqualFold(got.Name, mcpServices+name) || got.Config == nil || got.Config.SourceConnection == nil {
		return nil, fault.Transient(wire.ReasonUnexpectedAnswer, wire.ErrUnexpectedAnswer)
	}
	source := got.Config.SourceConnection
	return &MCPService{
		Name: name, Comment: got.Comment, Connection: strings.TrimPrefix(source.Name, connections), ConnectionDeleted: source.IsDeleted,
		Tools: got.Config.IncludeToolSelectors, ETag: got.Etag, UpdatedBy: wire.Tidy(got.UpdatedBy, 128),
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
	if _, _, err := serviceName(name); err != nil {
		return err
	}
	return mcpServiceFault(unlessMissing(c.workspace.gateway.DeleteMcpService(ctx, catalog.DeleteMcpServiceRequest{Name: mcpServices + name, Etag: etag})))
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
