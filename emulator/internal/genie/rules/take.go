// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package rules

import "strings"

// preposition remembers what the next value is: "in WEST", "except EAST".
func (r *reader) preposition() bool {
	low := r.at(0).low
	switch {
	case low == "other" && r.at(1).low == "than":
		r.negate = true
		r.i += 2
	case refusals[low]:
		r.negate = true
		r.i++
	case places[low]:
		r.place = low
		r.i++
		if c, ok := r.out.table.time(); ok && r.year(c) {
			return true
		}
	default:
		return false
	}
	return true
}

// year reads a year as a filter on a column of dates.
func (r *reader) year(c Column) bool {
	t := r.at(0)
	if !t.number || len(t.text) != 4 || t.text < "1900" || t.text > "2199" {
		return false
	}
	r.filter(filter{column: c, op: "=", values: []string{t.text}, year: true}, r.negate)
	r.negate, r.place = false, ""
	r.i++
	return true
}

// comparison reads "over 100" and "is over 100" after a column.
func (r *reader) comparison() bool {
	if r.last == nil {
		return false
	}
	for _, skip := range []int{0, 1} {
		if skip == 1 && !r.sees("is") && !r.sees("are") && !r.sees("was") {
			return false
		}
		for _, c := range comparisons {
			r.i += skip
			if r.sees(c.words...) && r.compared(c.op, len(c.words)) {
				return true
			}
			r.i -= skip
		}
	}
	return false
}

// compared takes the value after an operator of n words.
func (r *reader) compared(op string, n int) bool {
	v := r.at(n)
	var value string
	switch {
	case r.last.numeric() && v.number:
		value = v.literal()
	case r.last.temporal() && isDate(v.text):
		value = "DATE" + quote(v.text)
	case r.last.textual() && v.quoted:
		value = quote(v.text)
	case r.last.textual() && op == "=" && r.at(0).low != "is":
		r.i += n
		r.lastEnd, r.place = r.i, "where" // a word follows
		return true
	default:
		return false
	}
	r.filter(filter{column: *r.last, op: op, values: []string{value}}, false)
	r.i += n + 1
	return true
}

func isDate(s string) bool { return len(s) == 10 && s[4] == '-' && s[7] == '-' }

// aggregate reads "total", "average" and so on.
func (r *reader) aggregate() bool {
	fn, ok := aggregates[r.at(0).low]
	if !ok || r.out.pending != "" {
		return false
	}
	return r.expect(fn, 1)
}

func (r *reader) exact() bool {
	for n := 3; n > 0; n-- {
		if c, ok := r.columnNamed(n); ok && (n != 1 || !r.isTable() || r.wantsNumber()) {
			return r.use(c, r.at(n-1).low, n)
		}
	}
	return false
}

// wantsNumber says that an aggregate waits for a column of numbers.
func (r *reader) wantsNumber() bool { return r.out.pending != "" && r.out.pending != "COUNT" }

func (r *reader) isTable() bool {
	w, short := normal(r.at(0).low), parts(r.out.table.short())
	return w != "" && len(short) > 0 && (w == strings.Join(short, " ") || w == short[len(short)-1])
}

func (r *reader) tableWord() bool {
	if !r.isTable() {
		return false
	}
	if c, ok := r.out.table.meant(r.at(0).low); ok && r.wantsNumber() && c.numeric() {
		return false // total sales, of a table called sales
	}
	r.out.named = true
	r.i++
	return true
}

func (r *reader) vague() bool {
	t := r.at(0)
	if t.number || noise[t.low] {
		return false
	}
	c, ok := r.out.table.meant(t.low)
	if !ok {
		return false
	}
	return r.use(c, t.low, 1)
}

// use takes a column as what the words around it make of it.
func (r *reader) use(c Column, word string, n int) bool {
	r.i += n
	r.mention(c)
	r.sorter = false
	if r.out.pending == "" && r.comparison() {
		r.place = ""
		return true // it is what the rows are held against
	}
	if c.numeric() {
		r.place = ""
	}
	switch pending := r.out.pending; {
	case r.place != "" && !c.numeric():
		return true // the value follows: "for region WEST"
	case pending == "COUNT", pending != "" && c.numeric(), (pending == "MAX" || pending == "MIN") && c.temporal():
		r.out.measures = append(r.out.measures, measure{pending, c, word})
		r.out.pending = ""
	case pending == "" && c.numeric() && phrase(c.Name) != phrase(word) && !r.out.table.answer && !r.out.ranked:
		r.out.measures = append(r.out.measures, measure{"SUM", c, word}) // revenue is what is summed
	default:
		r.out.picks = append(r.out.picks, c)
	}
	return true
}

func (r *reader) direction() bool {
	switch {
	case downward[r.at(0).low]:
		r.out.ascending = false
	case upward[r.at(0).low]:
		r.out.ascending = true
	default:
		return false
	}
	r.i++
	return true
}

func (r *reader) noise() bool {
	if !noise[r.at(0).low] {
		return false
	}
	r.i++
	return true
}

// mention remembers a column that was just read.
func (r *reader) mention(c Column) { r.last, r.lastEnd = &c, r.i }

// missing takes a word that no rule knows into a run.
func (r *reader) missing() {
	if n := len(r.unknown); n > 0 && r.unknown[n-1].to == r.i && !r.at(0).quoted && !r.at(-1).quoted {
		r.unknown[n-1].to++
	} else {
		u := run{from: r.i, to: r.i + 1, place: r.place, negate: r.negate}
		before := r.at(-1).low
		if r.last != nil && (r.lastEnd == r.i && r.place != "" || r.lastEnd == r.i-1 && (before == "is" || before == "not" || before == "the")) {
			u.column = r.last
		}
		r.unknown = append(r.unknown, u)
	}
	r.i++
	if c, n, ok := r.column(); ok && c.textual() && r.place != "" {
		r.unknown[len(r.unknown)-1].column = &c // in the WEST region
		r.i += n
	}
	if next := r.at(0).low; next != "or" && next != "and" && next != "," {
		r.place, r.negate = "", false
	}
}

// value makes a filter of a run of unknown words, if some column of the caller's rows
// holds it. It is false, and keeps the run as what is unclear, if none does.
func (r *reader) value(u run) bool {
	text := r.text(u)
	columns := r.out.table.texts()
	if u.column != nil && u.column.textual() {
		columns = []Column{*u.column}
	}
	c, spelled, ok, err := r.find(r.ctx, columns, text)
	switch {
	case err != nil:
		r.err = err
		return false
	case ok:
	case u.column != nil && u.column.textual():
		c, spelled = *u.column, text
	default:
		place, known := r.out.table.location()
		if !known || u.place != "in" && u.place != "from" || u.to-u.from > 3 {
			r.unknown = []run{u}
			return false
		}
		c, spelled = place, text
	}
	r.filter(filter{column: c, op: "=", values: []string{quote(spelled)}}, u.negate)
	return true
}

func (r *reader) text(u run) string {
	var words []string
	for _, t := range r.tokens[u.from:u.to] {
		words = append(words, t.text)
	}
	return strings.Join(words, " ")
}

func (t Table) texts() []Column {
	var out []Column
	for _, c := range t.Columns {
		if c.textual() {
			out = append(out, c)
		}
	}
	return out
}

// filter adds a filter; two values of one column are alternatives.
func (r *reader) filter(f filter, negate bool) {
	if negate {
		f.op = map[string]string{"=": "<>"}[f.op]
	}
	for i, have := range r.out.filters {
		if have.column.Name == f.column.Name && have.op == f.op && have.year == f.year && (f.op == "=" || f.op == "<>") {
			r.out.filters[i].values = append(have.values, f.values...)
			return
		}
	}
	r.out.filters = append(r.out.filters, f)
}
