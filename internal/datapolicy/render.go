// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package datapolicy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Prefix begins the names of functions that are made.
const Prefix = "gh_"

// Function is a function that is made.
type Function struct {
	// Name is the full name.
	Name string
	// Parameters are names and types, such as `region STRING`, joined by commas.
	Parameters string
	// Returns is a type, Body an expression.
	Returns, Body string
	// Comment carries the mark.
	Comment string
	// signature is the parameters as SQL.
	signature string
}

// Attachment is a function in its place at a table. It can be compared.
type Attachment struct {
	// Column is the column that is masked; empty stands for the row filter.
	Column string
	// Function is the full name.
	Function string
	// Arguments are the columns that the function is given, joined by commas; of a mask, those after its own.
	Arguments string
}

// Columns are the arguments as a list.
func (a Attachment) Columns() []string {
	if a.Arguments == "" {
		return nil
	}
	return strings.Split(a.Arguments, ",")
}

// Policy is what a DataPolicy comes to: the row filter first, the masks by column, the functions by name.
type Policy struct {
	Attachments []Attachment
	Functions   []Function
	// Missing are columns that the table does not have. What needs one of them is left out.
	Missing []string
}

// Mark is the comment of the functions of a DataPolicy.
func Mark(installation, namespace, name string) string {
	return "Managed by Gatehouse: " + installation + "/datapolicy/" + namespace + "/" + name
}

// Schema is where the functions of a DataPolicy are made.
func Schema(s v1alpha1.DataPolicySpec) string {
	if s.FunctionSchema != "" {
		return string(s.FunctionSchema)
	}
	return string(s.Table)[:strings.LastIndex(string(s.Table), ".")]
}

// Groups are the groups that the rules name, sorted.
func Groups(s v1alpha1.DataPolicySpec) []string {
	var out []string
	add := func(list []v1alpha1.AccountGroupName) {
		for _, g := range list {
			out = append(out, string(g))
		}
	}
	if s.RowFilter != nil {
		for _, r := range s.RowFilter.Rules {
			add(r.Groups)
		}
	}
	for _, m := range s.ColumnMasks {
		if m.VisibleTo != nil {
			add(m.VisibleTo.Groups)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// FunctionNames are the functions that a DataPolicy makes, with '*' for their hash, and uses.
func FunctionNames(s v1alpha1.DataPolicySpec) []string {
	var out []string
	makes := false
	if f := s.RowFilter; f != nil && f.Function != nil {
		out = append(out, string(f.Function.Name))
	} else if f != nil {
		makes = true
	}
	for _, m := range s.ColumnMasks {
		if m.Function != nil {
			out = append(out, string(m.Function.Name))
		} else {
			makes = true
		}
	}
	if makes {
		out = append(out, Schema(s)+"."+Prefix+"*")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// renderer turns one DataPolicy into SQL.
type renderer struct {
	installation string
	policy       *v1alpha1.DataPolicy
	types        map[string]string
	out          Policy
}

// Render turns a DataPolicy into functions and where they go. Types are those of the
// table's columns, by lower-case name. An error says that the spec does not fit them.
func Render(installation string, p *v1alpha1.DataPolicy, types map[string]string) (Policy, error) {
	r := &renderer{installation: installation, policy: p, types: types}
	if err := r.filter(p.Spec.RowFilter); err != nil {
		return Policy{}, fmt.Errorf("the row filter: %w", err)
	}
	masks := slices.Clone(p.Spec.ColumnMasks)
	slices.SortFunc(masks, func(a, b v1alpha1.ColumnMask) int { return strings.Compare(string(a.Column), string(b.Column)) })
	for _, m := range masks {
		if err := r.mask(m); err != nil {
			return Policy{}, fmt.Errorf("the mask of the column %s: %w", m.Column, err)
		}
	}
	slices.SortFunc(r.out.Functions, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(r.out.Missing)
	r.out.Missing = slices.Compact(r.out.Missing)
	return r.out, nil
}

// known says whether the table has columns, and notes those that it has not.
func (r *renderer) known(columns ...v1alpha1.TableColumn) bool {
	all := true
	for _, c := range columns {
		if _, ok := r.types[string(c)]; !ok {
			r.out.Missing, all = append(r.out.Missing, string(c)), false
		}
	}
	return all
}

func joined(columns []v1alpha1.TableColumn) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = string(c)
	}
	return strings.Join(out, ",")
}

func (r *renderer) filter(f *v1alpha1.RowFilter) error {
	if f == nil {
		return nil
	}
	if f.Function != nil {
		if r.known(f.Function.Columns...) {
			r.out.Attachments = append(r.out.Attachments, Attachment{Function: string(f.Function.Name), Arguments: joined(f.Function.Columns)})
		}
		return nil
	}
	var used []v1alpha1.TableColumn
	for _, rule := range f.Rules {
		for _, c := range columnOf(rule.Rows) {
			if !slices.Contains(used, c) {
				used = append(used, c)
			}
		}
	}
	if !r.known(used...) {
		return nil
	}
	terms := make([]string, len(f.Rules))
	for i, rule := range f.Rules {
		term, err := r.rule(rule)
		if err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
		terms[i] = term
	}
	made, err := r.function("filter", used, "BOOLEAN", strings.Join(terms, " OR "))
	if err == nil {
		r.out.Attachments = append(r.out.Attachments, Attachment{Function: made, Arguments: joined(used)})
	}
	return err
}

func columnOf(rows v1alpha1.VisibleRows) []v1alpha1.TableColumn {
	switch {
	case rows.Where != nil:
		return []v1alpha1.TableColumn{rows.Where.Column}
	case rows.OwnedBy != nil:
		return []v1alpha1.TableColumn{rows.OwnedBy.Column}
	}
	return nil
}

// rule is the condition under which a rule shows a row.
func (r *renderer) rule(rule v1alpha1.RowRule) (string, error) {
	who, err := r.callers(rule.Groups, rule.Users)
	if err != nil {
		return "", err
	}
	rows := rule.Rows
	switch {
	case rows.Where != nil:
		c, err := identifier(string(rows.Where.Column))
		if err != nil {
			return "", err
		}
		values := make([]string, len(rows.Where.Values))
		for i, v := range rows.Where.Values {
			if values[i], err = value(string(v), r.types[string(rows.Where.Column)]); err != nil {
				return "", fmt.Errorf("the column %s: %w", rows.Where.Column, err)
			}
		}
		return "(" + who + " AND " + c + " IN (" + strings.Join(values, ", ") + "))", nil
	case rows.OwnedBy != nil:
		c, err := identifier(string(rows.OwnedBy.Column))
		if err == nil && !isText(r.types[string(rows.OwnedBy.Column)]) {
			err = fmt.Errorf("the column %s is not of text and cannot name callers", rows.OwnedBy.Column)
		}
		return "(" + who + " AND " + c + " = current_user())", err
	case rows.All != nil:
		return who, nil
	}
	return "", fmt.Errorf("it says of no rows that they are seen")
}

// membership is the function that says whether the caller is in a group.
func membership(kind v1alpha1.GroupKind) string {
	if kind == v1alpha1.GroupsWorkspace {
		return "is_member"
	}
	return "is_account_group_member"
}

// callers is the condition that the caller is one of some.
func (r *renderer) callers(groups []v1alpha1.AccountGroupName, users []v1alpha1.PrincipalName) (string, error) {
	member := membership(r.policy.Spec.Groups)
	var terms []string
	for _, g := range groups {
		l, err := literal(string(g))
		if err != nil {
			return "", err
		}
		terms = append(terms, member+"("+l+")")
	}
	for _, u := range users {
		l, err := literal(string(u))
		if err != nil {
			return "", err
		}
		terms = append(terms, "current_user() = "+l)
	}
	if len(terms) == 0 {
		return "", fmt.Errorf("it names nobody")
	}
	return "(" + strings.Join(terms, " OR ") + ")", nil
}

func (r *renderer) mask(m v1alpha1.ColumnMask) error {
	if m.Function != nil {
		if r.known(append([]v1alpha1.TableColumn{m.Column}, m.Function.UsingColumns...)...) {
			r.out.Attachments = append(r.out.Attachments, Attachment{Column: string(m.Column), Function: string(m.Function.Name), Arguments: joined(m.Function.UsingColumns)})
		}
		return nil
	}
	if !r.known(m.Column) {
		return nil
	}
	if m.VisibleTo == nil {
		return fmt.Errorf("it says of nobody that they see the values")
	}
	who, err := r.callers(m.VisibleTo.Groups, m.VisibleTo.Users)
	if err != nil {
		return err
	}
	t := r.types[string(m.Column)]
	c, err := identifier(string(m.Column))
	if err != nil {
		return err
	}
	otherwise, err := masked(c, t, m.Otherwise)
	if err != nil {
		return err
	}
	made, err := r.function("mask", []v1alpha1.TableColumn{m.Column}, t, "CASE WHEN "+who+" THEN "+c+" ELSE "+otherwise+" END")
	if err == nil {
		r.out.Attachments = append(r.out.Attachments, Attachment{Column: string(m.Column), Function: made})
	}
	return err
}

// masked is what is seen in place of a column's value.
func masked(column, columnType string, o *v1alpha1.MaskedValue) (string, error) {
	switch {
	case o == nil:
		return "NULL", nil
	case o.KeepLast > 0 && !isText(columnType):
		return "", fmt.Errorf("`keepLast` is for text, and the column is %s", columnType)
	case o.KeepLast > 0:
		return fmt.Sprintf("CASE WHEN length(%[1]s) > %[2]d THEN concat(repeat('*', length(%[1]s) - %[2]d), right(%[1]s, %[2]d)) ELSE repeat('*', length(%[1]s)) END", column, o.KeepLast), nil
	}
	return value(string(o.Constant), columnType)
}

// function adds a function and returns its full name.
func (r *renderer) function(what string, columns []v1alpha1.TableColumn, returns, body string) (string, error) {
	p := r.policy
	f := Function{Body: body, Comment: Mark(r.installation, p.Namespace, p.Name)}
	var plain, quoted []string
	for _, c := range columns {
		t, err := sqlType(r.types[string(c)])
		if err != nil {
			return "", err
		}
		name, err := identifier(string(c))
		if err != nil {
			return "", err
		}
		plain, quoted = append(plain, string(c)+" "+t), append(quoted, name+" "+t)
	}
	t, err := sqlType(returns)
	if err != nil {
		return "", err
	}
	f.Returns, f.Parameters, f.signature = t, strings.Join(plain, ", "), "("+strings.Join(quoted, ", ")+")"
	sum := sha256.Sum256([]byte(strings.Join([]string{r.installation, p.Namespace, p.Name, what, f.signature, f.Returns, f.Body}, "\x00")))
	f.Name = Schema(p.Spec) + "." + Prefix + hex.EncodeToString(sum[:6])
	if !slices.ContainsFunc(r.out.Functions, func(o Function) bool { return o.Name == f.Name }) {
		r.out.Functions = append(r.out.Functions, f)
	}
	return f.Name, nil
}

// SameBody compares an expression with what Unity Catalog says of it, without regard
// to space outside of quotes: it is not promised to come back as it was sent.
func SameBody(a, b string) bool { return squeezed(a) == squeezed(b) }

func squeezed(s string) string {
	var b strings.Builder
	inside := false
	for _, r := range s {
		if r == '\'' {
			inside = !inside
		}
		if inside || !strings.ContainsRune(" \t\r\n", r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}
