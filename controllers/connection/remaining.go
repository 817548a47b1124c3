// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// remaining is the connection, with the credential that it holds, and the MCP services.
func (adapter) remaining(c *v1alpha1.Connection) (workspace string, lines []string) {
	switch s := c.Status; {
	case s.ConnectionID != "":
		line := fmt.Sprintf("connection %s, id %s, with its credential", c.Spec.ConnectionName, s.ConnectionID)
		if s.Adopted == "True" {
			line += ", which was there before the resource"
		}
		lines = append(lines, line)
	case s.Intent != "":
		lines = append(lines, fmt.Sprintf("perhaps the connection %s, with its credential", c.Spec.ConnectionName))
	}
	for _, n := range c.Status.MCPServices {
		lines = append(lines, "MCP service "+n)
	}
	return c.Spec.WorkspaceRef.Name, lines
}
