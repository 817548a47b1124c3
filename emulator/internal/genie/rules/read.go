// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// measure is something to compute; a column without a name is the row itself.
type measure struct {
	fn     string
	column Column
	// word is how the question called it.
	word string
}

// dimension is something to group by; a unit cuts a date.
type dimension struct {
	column Column
	unit   string
}

// filter keeps rows; several values are alternatives.
type filter struct {
	column Column
	op     string
	values []string // SQL literals
	year   bool
}

// request is what a question asks of one table.
type request struct {
	table     Table
	measures  []measure
	dims      []dimension
	picks     []Column
	filters   []filter
	order     *Column
	orderWord string
	ascending bool
	ranked    bool
	limit     int
	// named says that the question names the table.
	named bool
	// pending is an aggregate that still waits for its column.
	pending string
}

// reader reads a question against one table.
type reader struct {
	ctx    context.Context
	tokens []token
	i      int
	find   func(ctx context.Context, columns []Column, value string) (Column, string, bool, error)
	out    request
	// last is the column that a comparison after it is about, and lastEnd where its name ends.
	last    *Column
	lastEnd int
	// place and negate are what a preposition said of the next value.
	place  string
	negate bool
	sorter bool
	// unknown are runs of words without a meaning.
	unknown []run
	// strange is how many words were unknown.
	strange int
	err     error
}

// run is a run of unknown words with what preceded it.
type run struct {
	from, to int
	place    string
	negate   bool
	column   *Column // the column named right before it
}

// read runs the rules over the tokens. What no rule takes is unknown.
func (r *reader) read() {
	rules := []func() bool{
		r.count, r.rank, r.grouping, r.preposition, r.comparison, r.aggregate, r.exact, r.tableWord, r.vague, r.direction, r.noise,
	}
	for r.i < len(r.tokens) && r.err == nil {
		if !r.tokens[r.i].quoted && slices.ContainsFunc(rules, func(rule func() bool) bool { return rule() }) {
			continue
		}
		r.missing()
	}
	for _, u := range r.unknown {
		r.strange += u.to - u.from
	}
	for _, u := range r.unknown {
		if r.err == nil && !r.value(u) {
			return
		}
	}
	r.unknown = nil
}

func (r *reader) at(offset int) token {
	if i := r.i + offset; i >= 0 && i < len(r.tokens) {
		return r.tokens[i]
	}
	return token{}
}

func (r *reader) sees(words ...string) bool {
	for k, w := range words {
		if r.at(k).low != w || r.at(k).quoted {
			return false
		}
	}
	return true
}

func (r *reader) expect(fn string, n int) bool {
	r.out.pending = fn
	r.i += n
	return true
}

func (r *reader) count() bool {
	switch {
	case r.sees("how", "many"), r.sees("number", "of"), r.sees("count", "of"):
		return r.expect("COUNT", 2)
	case r.sees("how", "much"):
		return r.expect("SUM", 2)
	}
	return false
}

// rank reads "top 5", "5 largest" and "bottom".
func (r *reader) rank() bool {
	word, number := r.at(0), r.at(1)
	if word.number {
		word, number = number, word
	}
	bottom, known := superlatives[word.low]
	if !known || !number.number && word.low != "top" && word.low != "bottom" {
		return false
	}
	r.out.ranked, r.out.ascending, r.out.limit = true, bottom, 10
	r.i++
	if number.number {
		n, err := strconv.Atoi(number.literal())
		if err != nil || n < 1 {
			return false
		}
		r.out.limit = n
		r.i++
	}
	return true
}

// grouping reads "by region and month", "per customer", "for each day".
func (r *reader) grouping() bool {
	switch {
	case r.sees("by"), r.sees("per"):
		r.i++
	case r.sees("for", "each"), r.sees("in", "each"), r.sees("for", "every"), r.sees("for", "all"):
		r.i += 2
	default:
		if sorters[r.at(0).low] {
			r.sorter = true
		}
		return false
	}
	sorter := r.sorter
	r.sorter = false
	for {
		for articles[r.at(0).low] {
			r.i++
		}
		if !r.group(sorter) {
			return true // what follows is judged by the other rules
		}
		if next := r.at(0).low; next != "and" && next != "," && next != "&" {
			return true
		}
		r.i++
		if _, _, ok := r.column(); !ok && !units[normal(r.at(0).low)] {
			r.i-- // it joins something else
			return true
		}
	}
}

func (r *reader) group(sorter bool) bool {
	if _, ok := aggregates[r.at(0).low]; ok {
		if _, exact := r.out.table.named([]string{r.at(0).low}); !exact {
			r.i++ // by total amount
		}
	}
	if c, n, ok := r.column(); ok {
		word := r.at(n - 1).low
		r.i += n
		r.mention(c)
		switch {
		case sorter, r.out.ranked && r.out.order == nil && c.numeric():
			r.out.order, r.out.orderWord = &c, word
			if sorter && !r.out.ranked {
				r.out.ascending = !c.numeric()
			}
		default:
			r.out.dims = append(r.out.dims, dimension{column: c})
		}
		return true
	}
	if unit := strings.TrimSuffix(r.at(0).low, "s"); units[unit] {
		if c, ok := r.out.table.time(); ok {
			r.out.dims = append(r.out.dims, dimension{c, unit})
			r.i++
			return true
		}
	}
	return false
}

// column is the column that comes next, named in up to three words or meant by one.
func (r *reader) column() (Column, int, bool) {
	for n := 3; n > 0; n-- {
		if c, ok := r.columnNamed(n); ok {
			return c, n, true
		}
	}
	if t := r.at(0); !t.quoted && !t.number && t.low != "" && !noise[t.low] {
		if c, ok := r.out.table.meant(t.low); ok {
			return c, 1, true
		}
	}
	return Column{}, 0, false
}

func (r *reader) columnNamed(n int) (Column, bool) {
	if r.i+n > len(r.tokens) {
		return Column{}, false
	}
	var words []string
	for k := range n {
		if r.at(k).quoted || r.at(k).number {
			return Column{}, false
		}
		words = append(words, r.at(k).low)
	}
	return r.out.table.named(words)
}
