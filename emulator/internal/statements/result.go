// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package statements

import (
	"strconv"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/sqlengine"
)

func size(r *sqlengine.Result) int {
	n := 0
	for _, row := range r.Rows {
		for _, c := range row {
			if c != nil {
				n += len(*c)
			}
		}
	}
	return n
}

// chunks is how many chunks a result has; an empty result has none.
func (s *service) chunks(st *statement) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.result == nil {
		return 0
	}
	return (len(st.result.Rows) + s.ChunkRows - 1) / s.ChunkRows
}

func (s *service) rows(st *statement, n int) (offset int, rows [][]*string) {
	offset = min(n*s.ChunkRows, len(st.result.Rows))
	return offset, st.result.Rows[offset:min(offset+s.ChunkRows, len(st.result.Rows))]
}

func (s *service) manifest(st *statement) any {
	columns := []any{}
	for i, c := range st.result.Columns {
		one := map[string]any{"name": c.Name, "position": i, "type_name": c.TypeName, "type_text": c.TypeText}
		if c.TypeName == "DECIMAL" {
			one["type_precision"], one["type_scale"] = c.Precision, c.Scale
		}
		columns = append(columns, one)
	}
	list := []any{}
	for n := range s.chunks(st) {
		offset, rows := s.rows(st, n)
		list = append(list, map[string]any{"chunk_index": n, "row_offset": offset, "row_count": len(rows)})
	}
	out := map[string]any{
		"format": "JSON_ARRAY", "schema": map[string]any{"column_count": len(columns), "columns": columns},
		"total_row_count": len(st.result.Rows), "total_byte_count": size(st.result), "total_chunk_count": len(list), "truncated": st.result.Truncated,
	}
	if len(list) > 0 {
		out["chunks"] = list
	}
	return out
}

func (s *service) data(st *statement, n int) any {
	if len(st.result.Rows) == 0 {
		return map[string]any{}
	}
	offset, rows := s.rows(st, n)
	out := map[string]any{"chunk_index": n, "row_offset": offset, "row_count": len(rows), "data_array": rows}
	if n+1 < s.chunks(st) {
		out["next_chunk_index"] = n + 1
		out["next_chunk_internal_link"] = "/api/2.0/sql/statements/" + st.id + "/result/chunks/" + strconv.Itoa(n+1)
	}
	return out
}
