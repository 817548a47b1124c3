// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire/wiretest"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

func TestAStatementOfTheOperator(t *testing.T) {
	const secretive = "ALTER TABLE main.sales.deals SET ROW FILTER main.sales.f ON ()"
	failed := func(code, message string) string {
		return `{"statement_id":"s1","status":{"state":"FAILED","error":{"error_code":"` + code + `","message":"` + message + ` in ` + secretive + `"}}}`
	}
	for name, c := range map[string]struct {
		status  int
		answers []string
		want    fault.Class
	}{
		"done at once":           {200, []string{`{"statement_id":"s1","status":{"state":"SUCCEEDED"}}`}, ""},
		"done later":             {200, []string{`{"statement_id":"s1","status":{"state":"PENDING"}}`, `{"statement_id":"s1","status":{"state":"RUNNING"}}`, `{"statement_id":"s1","status":{"state":"SUCCEEDED"}}`}, ""},
		"a privilege is missing": {200, []string{failed("BAD_REQUEST", "[INSUFFICIENT_PERMISSIONS] no. SQLSTATE: 42501")}, fault.ClassDenied},
		"a column is missing":    {200, []string{failed("BAD_REQUEST", "[UNRESOLVED_COLUMN] no. SQLSTATE: 42703")}, fault.ClassWaiting},
		"it cannot be parsed":    {200, []string{failed("BAD_REQUEST", "[PARSE_SYNTAX_ERROR] no. SQLSTATE: 42601")}, fault.ClassInvalid},
		"out of resources":       {200, []string{failed("RESOURCE_EXHAUSTED", "no")}, fault.ClassRateLimited},
		"the service fails":      {200, []string{failed("INTERNAL_ERROR", "no")}, fault.ClassTransient},
		"cancelled by others":    {200, []string{`{"statement_id":"s1","status":{"state":"CANCELED"}}`}, fault.ClassTransient},
		"something else":         {200, []string{`{}`}, fault.ClassTransient},
		"a bad warehouse":        {400, []string{`{"error_code":"INVALID_PARAMETER_VALUE","message":"bad ` + secretive + `"}`}, fault.ClassInvalid},
		"may not use warehouse":  {403, []string{`{"error_code":"PERMISSION_DENIED","message":"bad ` + secretive + `"}`}, fault.ClassDenied},
		"too many":               {429, []string{`{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"bad ` + secretive + `"}`}, fault.ClassRateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answers[min(n, len(c.answers)-1)])
				n++
			})
			err := s.client(t).RunStatement(t.Context(), "wh1", secretive)
			if c.want == "" && err != nil || c.want != "" && !fault.Is(err, c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "ALTER") {
				t.Errorf("the error quotes the statement: %v", err)
			}
			if n != len(c.answers) {
				t.Errorf("%d calls, want %d", n, len(c.answers))
			}
		})
	}
}

func TestAStatementThatNobodyWaitsForIsCancelled(t *testing.T) {
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"statement_id":"s1","status":{"state":"RUNNING"}}`)
	})
	c := s.client(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := c.RunStatement(ctx, "wh1", "SELECT 1"); err == nil {
		t.Fatal("it went well")
	}
	if last := s.calls[len(s.calls)-1]; last != "POST /api/2.0/sql/statements/s1/cancel" {
		t.Errorf("calls %v", s.calls)
	}
	if err := c.RunStatement(t.Context(), "wh/1", "SELECT 1"); !fault.Is(err, fault.ClassInvalid) {
		t.Errorf("a warehouse that is a path: %v", err)
	}
}

func TestATableWithItsFilterAndMasks(t *testing.T) {
	answer := `{"full_name":"main.sales.deals","owner":"data","table_type":"MANAGED",
		"row_filter":{"function_name":"Main.Sales.F","input_column_names":["Region"]},
		"columns":[{"name":"Region","type_text":"string"},{"name":"amount","type_text":"decimal(18,2)","mask":{"function_name":"main.sales.m","using_column_names":["region"]}},
			{"name":"note","type_text":"string","mask":{"function_name":"main.sales.n","using_arguments":[{"column":"Region"},{"constant":"x"}]}}]}`
	status := 200
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = io.WriteString(w, answer) })
	c := s.client(t)
	got, err := c.Table(t.Context(), "main.sales.deals")
	if err != nil {
		t.Fatal(err)
	}
	want := &admin.Table{
		FullName: "main.sales.deals", Owner: "data", RowFilter: &admin.PolicyFunction{Function: "main.sales.f", Columns: []string{"region"}},
		Columns: []admin.Column{
			{Name: "region", Type: "STRING"},
			{Name: "amount", Type: "DECIMAL(18,2)", Mask: &admin.PolicyFunction{Function: "main.sales.m", Columns: []string{"region"}}},
			{Name: "note", Type: "STRING", Mask: &admin.PolicyFunction{Function: "main.sales.n", Columns: []string{"region", "?"}}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []string{`{}`, `{"full_name":"main.sales.other","columns":[{"name":"a"}]}`, `{"full_name":"main.sales.deals"}`} {
		answer = wrong
		if _, err := c.Table(t.Context(), "main.sales.deals"); !fault.Is(err, fault.ClassTransient) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	status, answer = 404, `{"error_code":"TABLE_DOES_NOT_EXIST","message":"Table 'main.sales.deals' does not exist."}`
	if got, err := c.Table(t.Context(), "main.sales.deals"); got != nil || err != nil {
		t.Errorf("a table that does not exist: %v %v", got, err)
	}
	if _, err := c.Table(t.Context(), "main/../x"); !fault.Is(err, fault.ClassInvalid) {
		t.Errorf("a name that is a path: %v", err)
	}
}

// TestAStatementIDThatIsNoneIsNotAskedFor: what Databricks answers becomes part of the next request.
func TestAStatementIDThatIsNoneIsNotAskedFor(t *testing.T) {
	for _, id := range []string{"../../2.0/token", "..", "a/b", "a%2fb", ""} {
		s := newService(t, wiretest.Answers(http.StatusOK, `{"statement_id":"`+id+`","status":{"state":"RUNNING"}}`))
		_, err := caller.NewStatements(s.URL, s.Server.Client()).Execute(t.Context(), "token", wire.StatementRequest{WarehouseID: "w", Statement: "SELECT 1"})
		if err == nil {
			t.Errorf("%q: a statement that cannot be asked for succeeded", id)
		}
		if err := s.client(t).RunStatement(t.Context(), "w", "SELECT 1"); !fault.Is(err, fault.ClassTransient) {
			t.Errorf("%q: RunStatement ended in %v", id, err)
		}
		if calls := s.made(); len(calls) != 2 {
			t.Errorf("%q: calls %v, want the two that begin", id, calls)
		}
	}
}
