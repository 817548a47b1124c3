// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"strings"
)

// allowed are the functions that mean the same in both dialects. What is not here
// is not implemented: a function that is let through unknown could read a file,
// a setting or another session.
var allowed = map[string]bool{}

// renamed are functions that DuckDB knows by another name.
var renamed = map[string]string{
	"transform": "list_transform", "filter": "list_filter", "explode": "unnest", "regexp_full_match": "regexp_matches", "regexp_like": "regexp_matches", "rlike": "regexp_matches", "collect_list": "list", "size": "len", "array_size": "len",
	"len": "length", "char_length": "length", "ucase": "upper", "lcase": "lower", "substr": "substring",
	"percentile_approx": "quantile_disc", "startswith": "starts_with", "endswith": "ends_with",
	"some": "bool_or", "every": "bool_and", "std": "stddev_samp", "mean": "avg", "array": "list_value", "array_join": "array_to_string",
	"array_contains": "list_contains",
}

func init() { //nolint:gochecknoinits // a table built from words
	for _, f := range strings.Fields(`+ - * ~~ !~~ ~~* !~~* || & | ^
		abs acos asin atan atan2 ceil ceiling cos exp floor greatest least ln log log10 log2 pi pow power radians round sign sin sqrt tan trunc degrees
		avg bool_and bool_or count count_star count_if max min max_by min_by sum stddev stddev_pop stddev_samp var_pop var_samp variance median mode
		corr covar_pop covar_samp any_value first last list approx_count_distinct approx_quantile
		row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
		coalesce nullif concat concat_ws contains initcap instr left right length lower upper lpad rpad ltrim rtrim trim repeat replace reverse
		split_part starts_with ends_with substring translate ascii chr md5 sha256 regexp_replace regexp_extract position like_escape ilike_escape
		date_trunc date_part year month day quarter week dayofweek dayofyear hour minute second last_day make_date to_days to_hours to_minutes to_seconds to_months to_years
		array_to_string list_value len list_contains list_transform list_filter unnest regexp_matches quantile_disc`) {
		allowed[f] = true
	}
}

// function secures a call: identity becomes constants, functions of Unity Catalog
// become their bodies, everything else must be on the list.
func (r *rewriter) function(n node, ctes []string) (any, error) {
	called := strings.ToLower(text(n, "function_name"))
	for k, child := range n {
		out, err := r.rewrite(child, ctes)
		if err != nil {
			return nil, err
		}
		n[k] = out
	}
	children, _ := n["children"].([]any)
	if schema := text(n, "schema"); schema != "" && (schema != "main" || text(n, "catalog") != "") {
		return r.userFunction(n, strings.ToLower(text(n, "catalog")), strings.ToLower(schema), called, children)
	}
	if len(children) == 0 {
		if out, err := r.ambient(called); out != nil || err != nil {
			return keepAlias(n, out), err
		}
	}
	if identity, err := r.identity(called, children); identity != nil || err != nil {
		return keepAlias(n, identity), err
	}
	if out, err := r.special(n, called, children); out != nil || err != nil {
		return out, err
	}
	if template, ok := templates[called]; ok {
		return r.template(n, template, children)
	}
	if to, ok := renamed[called]; ok {
		called = to
		n["function_name"] = to
	}
	if !allowed[called] {
		return nil, notImplemented("the function " + printable(called))
	}
	return n, nil
}

// templates are expressions in the place of functions, with their arguments as $1 and so on.
var templates = map[string]string{
	"/":          "CASE WHEN $2 = 0 THEN error('gatehouse: divide by zero') ELSE $1 / $2 END",
	"%":          modulo,
	"mod":        modulo,
	"nvl":        "coalesce($1, $2)",
	"ifnull":     "coalesce($1, $2)",
	"if":         "CASE WHEN $1 THEN $2 ELSE $3 END",
	"try_divide": "CASE WHEN $2 = 0 THEN NULL ELSE $1 / $2 END",
	"to_date":    "CAST($1 AS DATE)",
	"date_add":   "CAST($1 AS DATE) + CAST($2 AS INTEGER)",
	"date_sub":   "CAST($1 AS DATE) - CAST($2 AS INTEGER)",
	"datediff":   "CAST(CAST($1 AS DATE) - CAST($2 AS DATE) AS INTEGER)",
	"add_months": "CAST(CAST($1 AS DATE) + to_months(CAST($2 AS INTEGER)) AS DATE)",
}

const modulo = "CASE WHEN $2 = 0 THEN error('gatehouse: divide by zero') ELSE $1 % $2 END"

// printable keeps a name that a caller made up from carrying anything else.
func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < 0x21 || c > 0x7e {
			return -1
		}
		return c
	}, s)
	return s[:min(len(s), 64)]
}

// ambient answers what a statement may ask without arguments: who and when.
func (r *rewriter) ambient(called string) (node, error) {
	now := r.engine.now().UTC()
	switch called {
	case "current_user", "session_user", "user":
		return r.constant(r.session.Principal)
	case "current_date", "curdate":
		return r.expression("CAST('" + now.Format("2006-01-02") + "' AS DATE)")
	case "current_timestamp", "now", "get_current_timestamp":
		return r.expression("CAST('" + now.Format("2006-01-02 15:04:05.000000") + "' AS TIMESTAMP)")
	}
	return nil, nil //nolint:nilnil // something else
}

// identity answers the functions that say who is asking.
func (r *rewriter) identity(called string, children []any) (node, error) {
	switch called {
	case "current_user", "session_user", "user":
		return nil, syntaxError(called + "() takes no arguments")
	case "is_member":
		return r.member(r.session.WorkspaceGroups, children)
	case "is_account_group_member":
		return r.member(r.session.Groups, children)
	}
	return nil, nil //nolint:nilnil // not an identity function
}

func (r *rewriter) member(groups []string, children []any) (node, error) {
	if len(children) != 1 {
		return nil, syntaxError("a membership function takes one argument")
	}
	group, ok := children[0].(node)
	if !ok {
		return nil, syntaxError("a membership function takes one argument")
	}
	list := make([]string, len(groups))
	for i, g := range groups {
		list[i] = literal(g)
	}
	return r.fill("coalesce(list_contains(CAST(["+strings.Join(list, ", ")+"] AS VARCHAR[]), $1), false)", []any{group})
}

// template replaces a call by an expression over its arguments.
func (r *rewriter) template(n node, sql string, children []any) (any, error) {
	if len(children) != strings.Count(placeholders(sql), "$") {
		return nil, failure("42605", "[WRONG_NUM_ARGS] The function `%s` is called with a number of arguments that it does not take.", printable(text(n, "function_name")))
	}
	out, err := r.fill(sql, children)
	return keepAlias(n, out), err
}

// placeholders leaves each placeholder of a template once.
func placeholders(sql string) string {
	out := ""
	for _, p := range []string{"$1", "$2", "$3"} {
		if strings.Contains(sql, p) {
			out += p
		}
	}
	return out
}

// fill parses a template of the engine's own and puts arguments in the place of
// its placeholders, as trees and not as text.
func (r *rewriter) fill(sql string, arguments []any) (node, error) {
	out, err := r.expression(sql)
	if err != nil {
		return nil, err
	}
	filled, ok := replaceParameters(out, arguments).(node)
	if !ok {
		return nil, syntaxError("an expression cannot be read")
	}
	return filled, nil
}

func replaceParameters(v any, arguments []any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = replaceParameters(v[i], arguments)
		}
	case node:
		if v["class"] == "PARAMETER" {
			if i := strings.Index("12345", text(v, "identifier")); i >= 0 && i < len(arguments) && text(v, "identifier") != "" {
				if n, ok := arguments[i].(node); ok {
					filled := clone(n)
					filled["alias"] = ""
					return filled
				}
			}
		}
		for k := range v {
			v[k] = replaceParameters(v[k], arguments)
		}
	}
	return v
}

// keepAlias hands the name of a column on to what replaces it.
func keepAlias(from, to node) any {
	if to == nil {
		return nil
	}
	if a := text(from, "alias"); a != "" {
		to["alias"] = a
	}
	return to
}
