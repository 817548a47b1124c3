// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package unitycatalog

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// etagOf changes with every change of a service.
func etagOf(o metastore.Object) string {
	raw, _ := json.Marshal(o) // an Object always encodes
	sum := sha256.Sum256(raw)
	return base64.StdEncoding.EncodeToString(sum[:12])
}

// source is the connection that a service is over, whatever its name is by now.
func (s mcpServices) source(o metastore.Object) (metastore.Object, bool) {
	for _, c := range s.store.List(metastore.TypeConnection, metastore.Securable{}) {
		if identifier(c) == o.SourceID {
			return c, true
		}
	}
	return metastore.Object{}, false
}

func (s mcpServices) info(o metastore.Object) map[string]any {
	source := map[string]any{"name": "connections/" + o.Source}
	if c, ok := s.source(o); ok {
		source["name"] = "connections/" + c.Name
	} else {
		source["is_deleted"] = true
	}
	config := map[string]any{"source_connection": source}
	if len(o.Tools) > 0 {
		config["include_tool_selectors"] = o.Tools
	}
	out := map[string]any{
		"name": "mcp-services/" + o.Name, "config": config, "create_time": o.Created.Format(time.RFC3339Nano), "created_by": creator(o),
		"update_time": o.Created.Format(time.RFC3339Nano), "updated_by": creator(o), "effective_owner": o.Owner,
		"etag": etagOf(o), "metastore_id": metastore.Root.Name,
	}
	if o.Comment != "" {
		out["comment"] = o.Comment
	}
	if !o.Updated.IsZero() {
		out["update_time"], out["updated_by"] = o.Updated.Format(time.RFC3339Nano), o.UpdatedBy
	}
	return out
}
