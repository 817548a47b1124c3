// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Lookups are what Databricks says of objects that tools name. What was not looked up
// counts as not there.
type Lookups struct {
	// Functions are the signatures of functions, by full name.
	Functions map[string]Signature
	// Connections say, of each that was looked up, whether it uses HTTPS; one that does
	// not exist counts as if it did, because nothing can be sent over it.
	Connections map[string]bool
}

// Signature is that of a Unity Catalog function.
type Signature struct {
	Parameters []SignatureParameter
	// Table says that the function returns a table.
	Table bool
}

// SignatureParameter is a parameter of a function.
type SignatureParameter struct {
	Name string
	// Type is the SQL type, such as BIGINT or DECIMAL(18,2).
	Type string
	// Optional says that the function has a default for it.
	Optional bool
	Comment  string
}

// compileTool makes a tool as the pods serve it, or says why it cannot be served.
func (e Estate) compileTool(t servedTool, warehouse string, found Lookups) (Tool, *Refusal) {
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
	for _, o := range e.toolNeeds(t, warehouse).Lookups {
		if refusal := found.refuse(t.Tool, o); refusal != nil {
			return out, refusal
		}
	}
	var err error
	if out.InputSchema, err = t.kind.InputSchema(t.Spec, found); err != nil {
		return out, &Refusal{"", v1alpha1.ReasonInvalidSchema, fmt.Sprintf("the Tool %s cannot be served: %v", t.Name, err)}
	}
	t.kind.Compile(t.Spec, found, &out)
	return out, nil
}

// refuse says why a tool cannot be served for what Databricks says of an object that it names.
func (l Lookups) refuse(t *v1alpha1.Tool, o v1alpha1.Securable) *Refusal {
	switch o.Type {
	case v1alpha1.SecurableFunction:
		if _, known := l.Functions[string(o.Name)]; !known {
			return &Refusal{"", v1alpha1.ReasonFunctionNotFound, fmt.Sprintf("the function %s of the Tool %s does not exist, or the operator may not see it", o.Name, t.Name)}
		}
	case v1alpha1.SecurableConnection:
		https, known := l.Connections[string(o.Name)]
		if !known {
			return &Refusal{"", v1alpha1.ReasonConnectionUnknown, fmt.Sprintf("Databricks did not say yet whether the connection %s of the Tool %s uses HTTPS", o.Name, t.Name)}
		}
		if !https {
			return &Refusal{"", v1alpha1.ReasonPlainConnection, fmt.Sprintf("the connection %s of the Tool %s does not use HTTPS", o.Name, t.Name)}
		}
	default:
		return &Refusal{"", v1alpha1.ReasonInvalid, fmt.Sprintf("the Tool %s names the %s %s, which the operator cannot look up", t.Name, o.Type, o.Name)}
	}
	return nil
}

func atLeast(n, absent int32) int32 {
	if n <= 0 {
		return absent
	}
	return n
}
