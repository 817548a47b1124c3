// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"regexp"
	"strings"
)

// token is a word, a number, a quoted value or a sign of a question.
type token struct {
	text   string
	low    string
	quoted bool
	number bool
}

var tokenPattern = regexp.MustCompile(`'[^']+'|"[^"]+"|\d{4}-\d{2}-\d{2}|\d+(?:,\d{3})*(?:\.\d+)?[kKmM]?\b|[\p{L}_][\p{L}\p{N}_\-]*(?:'\p{L}+)*|>=|<=|!=|[<>=,&]`)

var numberPattern = regexp.MustCompile(`^\d+(,\d{3})*(\.\d+)?[kKmM]?$`)

// split cuts a question into tokens; punctuation says nothing.
func split(question string) []token {
	var out []token
	for _, t := range tokenPattern.FindAllString(strings.NewReplacer("’", "'", "“", `"`, "”", `"`).Replace(question), -1) {
		one := token{text: t, low: strings.ToLower(t), number: numberPattern.MatchString(t)}
		if t[0] == '\'' || t[0] == '"' {
			one = token{text: t[1 : len(t)-1], quoted: true}
			one.low = strings.ToLower(one.text)
		}
		out = append(out, one)
	}
	return out
}

// literal is a number as SQL writes it: 1,200 is 1200 and 5k is 5000.
func (t token) literal() string {
	n := strings.ReplaceAll(t.low, ",", "")
	factor := map[string]int{"k": 3, "m": 6}[n[len(n)-1:]]
	if factor == 0 {
		return n
	}
	whole, fraction, _ := strings.Cut(n[:len(n)-1], ".")
	fraction += strings.Repeat("0", max(0, factor-len(fraction)))
	n = strings.TrimLeft(whole+fraction[:factor], "0")
	if n == "" {
		n = "0"
	}
	if rest := strings.TrimRight(fraction[factor:], "0"); rest != "" {
		n += "." + rest
	}
	return n
}

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// The words of the rule set. What is in none of these and names nothing in the
// tables is unclear.
var (
	articles = set("the a an this that these those")
	// noise carries no meaning of its own.
	noise = set(`the a an this that these those me show give list display tell find get see what what's which who is are was were be our my all any
		please now and also only just then it them their there have has had do does did we us i you can could would like want to need of on at as
		data row rows result results record records so , & or both each every same again instead about how let let's same but
		breakdown broken down grouped group split ordered order sorted sort ranked rank compare across between`)
	// marks begin a question about the answer before.
	marks = set("now and also only just then instead those them these again same but sort order")
	// sums and so on name what is computed.
	aggregates = map[string]string{
		"total": "SUM", "sum": "SUM", "overall": "SUM", "combined": "SUM", "average": "AVG", "avg": "AVG", "mean": "AVG",
		"maximum": "MAX", "max": "MAX", "minimum": "MIN", "min": "MIN", "count": "COUNT", "number": "COUNT",
		"highest": "MAX", "largest": "MAX", "biggest": "MAX", "lowest": "MIN", "smallest": "MIN",
	}
	// superlatives before or after a number rank; true ranks from below.
	superlatives = map[string]bool{
		"top": false, "highest": false, "largest": false, "biggest": false, "best": false,
		"bottom": true, "lowest": true, "smallest": true, "worst": true,
	}
	units    = set("year quarter month week day")
	sorters  = set("ordered order sorted sort ranked rank")
	downward = set("descending desc decreasing")
	upward   = set("ascending asc increasing")
	// places precede a value.
	places = set("in for from within during where with whose having")
	// refusals precede a value that is left out.
	refusals = set("except excluding without not")
)

// comparisons are phrases with their operators; longer ones first.
var comparisons = []struct {
	words []string
	op    string
}{
	{[]string{"is", "more", "than"}, ">"},
	{[]string{"greater", "than"}, ">"},
	{[]string{"more", "than"}, ">"},
	{[]string{"larger", "than"}, ">"},
	{[]string{"less", "than"}, "<"},
	{[]string{"fewer", "than"}, "<"},
	{[]string{"smaller", "than"}, "<"},
	{[]string{"at", "least"}, ">="},
	{[]string{"at", "most"}, "<="},
	{[]string{"is", "not"}, "<>"},
	{[]string{"equal", "to"}, "="},
	{[]string{"over"}, ">"},
	{[]string{"above"}, ">"},
	{[]string{"exceeding"}, ">"},
	{[]string{"under"}, "<"},
	{[]string{"below"}, "<"},
	{[]string{"since"}, ">="},
	{[]string{"after"}, ">"},
	{[]string{"before"}, "<"},
	{[]string{"equals"}, "="},
	{[]string{">="}, ">="},
	{[]string{"<="}, "<="},
	{[]string{"!="}, "<>"},
	{[]string{">"}, ">"},
	{[]string{"<"}, "<"},
	{[]string{"="}, "="},
	{[]string{"is"}, "="},
}
