// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/tooldef"
)

// compileTool makes a tool as the pods serve it, or says why it cannot be served.
func compileTool(t *v1alpha1.Tool, found Lookups) (Tool, *Refusal) {
	yes := func(h v1alpha1.Hint, absent bool) bool {
		if h == "" {
			return absent
		}
		return h == v1alpha1.HintYes
	}
	b := t.Spec.Behavior
	out := Tool{
		Name: t.Spec.ToolName, Title: t.Spec.Title, Description: t.Spec.Description,
		ReadOnly: yes(b.ReadOnly, true), Idempotent: yes(b.Idempotent, true), OpenWorld: yes(b.OpenWorld, false), Destructive: yes(b.Destructive, false),
	}
	var signature tooldef.Signature
	if f := t.Spec.Function; f != nil {
		var ok bool
		if signature, ok = found.Functions[string(f.Name)]; !ok {
			return out, &Refusal{"", v1alpha1.ReasonFunctionNotFound, fmt.Sprintf("the function %s of the Tool %s does not exist, or the operator may not see it", f.Name, t.Name)}
		}
		out.Function = &FunctionTool{Name: string(f.Name), Table: signature.Table, MaxRows: atLeast(f.MaxRows, 100)}
		for _, p := range signature.Parameters {
			out.Function.Parameters = append(out.Function.Parameters, Parameter{p.Name, p.Type})
		}
	}
	var err error
	if out.InputSchema, err = tooldef.InputSchema(t.Spec, signature); err != nil {
		return out, &Refusal{"", v1alpha1.ReasonInvalidSchema, fmt.Sprintf("the Tool %s cannot be served: %v", t.Name, err)}
	}
	if i := t.Spec.Identity; i != nil {
		out.Identity = &IdentityTool{}
		for _, g := range i.Groups {
			out.Identity.Groups = append(out.Identity.Groups, string(g))
		}
	}
	if s := t.Spec.SQL; s != nil {
		out.SQL = &SQLTool{Statement: s.Statement, MaxRows: s.MaxRows}
		for _, p := range s.Parameters {
			out.SQL.Parameters = append(out.SQL.Parameters, Parameter{p.Name, string(p.Type)})
		}
	}
	if g := t.Spec.Genie; g != nil {
		out.Genie = &GenieTool{SpaceID: g.SpaceID}
	}
	if v := t.Spec.VectorSearch; v != nil {
		out.VectorSearch = compileVectorSearch(v)
	}
	if s := t.Spec.Serving; s != nil {
		out.Serving = &ServingTool{Endpoint: string(s.Endpoint), API: or(string(s.API), "Responses")}
	}
	if h := t.Spec.HTTP; h != nil {
		https, known := found.Connections[string(h.Connection)]
		if !known {
			return out, &Refusal{"", v1alpha1.ReasonConnectionUnknown, fmt.Sprintf("Databricks did not say yet whether the connection %s of the Tool %s uses HTTPS", h.Connection, t.Name)}
		}
		if !https {
			return out, &Refusal{"", v1alpha1.ReasonPlainConnection, fmt.Sprintf("the connection %s of the Tool %s does not use HTTPS", h.Connection, t.Name)}
		}
		out.HTTP = compileHTTP(h)
	}
	return out, nil
}

func compileVectorSearch(v *v1alpha1.VectorSearchTool) *VectorSearchTool {
	out := &VectorSearchTool{Index: string(v.Index), QueryType: or(string(v.QueryType), "ANN"), MaxResults: atLeast(v.MaxResults, 10)}
	for _, c := range v.Columns {
		out.Columns = append(out.Columns, string(c))
	}
	for _, f := range v.Filters {
		out.Filters = append(out.Filters, Filter{
			Column: string(f.Column), Operator: or(string(f.Operator), "Equal"), Type: or(string(f.Type), "String"), Argument: string(f.Argument), Value: f.Value,
		})
	}
	return out
}

func compileHTTP(h *v1alpha1.HTTPTool) *HTTPTool {
	out := &HTTPTool{
		Connection: string(h.Connection), MaxRequestBytes: atLeast(h.MaxRequestBytes, 16384), MaxResponseBytes: atLeast(h.MaxResponseBytes, 65536),
	}
	for _, r := range h.Allow {
		out.Allow = append(out.Allow, HTTPRoute{Method: or(string(r.Method), "GET"), Path: r.Path})
	}
	if len(h.Operations) > 1 {
		out.OperationArgument = or(string(h.OperationArgument), "operation")
	}
	for _, o := range h.Operations {
		one := HTTPOperation{Name: string(o.Name), Method: or(string(o.Method), "GET"), Path: o.Path, BodyArgument: string(o.BodyArgument)}
		for _, q := range o.Query {
			one.Query = append(one.Query, QueryParameter{q.Name, string(q.Argument), q.Value})
		}
		if r := o.Rows; r != nil {
			one.Rows = &HTTPRows{At: string(r.At), TotalAt: string(r.TotalAt)}
			for _, f := range r.Fields {
				one.Rows.Fields = append(one.Rows.Fields, HTTPField{string(f.Name), string(f.At)})
			}
		}
		out.Operations = append(out.Operations, one)
	}
	return out
}

// or returns text, or a default where it is empty: fields that the API server
// defaults are empty in objects that no API server has seen.
func or(text, absent string) string {
	if text == "" {
		return absent
	}
	return text
}

func atLeast(n, absent int32) int32 {
	if n <= 0 {
		return absent
	}
	return n
}
