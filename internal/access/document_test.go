// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// TestTheHashCoversEveryField fills a Document and changes each of its fields in
// turn, also those that are added later.
func TestTheHashCoversEveryField(t *testing.T) {
	full := func() *Document {
		d := &Document{}
		fill(reflect.ValueOf(d).Elem())
		return d
	}
	seal := func(d *Document) string {
		sealed, err := d.Seal()
		if err != nil {
			t.Fatal(err)
		}
		return sealed.Hash
	}
	want := seal(full())
	if again := seal(full()); again != want {
		t.Fatal("equal documents have different hashes")
	}
	var paths []string
	walk(reflect.ValueOf(full()).Elem(), "", func(path string, _ func()) { paths = append(paths, path) })
	if len(paths) < 40 {
		t.Fatalf("the walk found only %v", paths)
	}
	for i, path := range paths {
		t.Run(path, func(t *testing.T) {
			d, n := full(), 0
			walk(reflect.ValueOf(d).Elem(), "", func(_ string, alter func()) {
				if n == i {
					alter()
				}
				n++
			})
			if changed := seal(d) != want; changed != (path != ".Hash") {
				t.Errorf("the hash changed: %v", changed)
			}
		})
	}
}

var (
	rawType  = reflect.TypeFor[json.RawMessage]()
	timeType = reflect.TypeFor[time.Time]()
)

// fill sets every field to something that is not its zero value.
func fill(v reflect.Value) {
	switch {
	case v.Type() == rawType:
		v.Set(reflect.ValueOf(json.RawMessage(`{"a":1}`)))
	case v.Type() == timeType:
		v.Set(reflect.ValueOf(noon))
	case v.Kind() == reflect.Struct:
		for _, f := range v.Fields() {
			fill(f)
		}
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case v.Kind() == reflect.Map:
		item := reflect.New(v.Type().Elem()).Elem()
		fill(item)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), item)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(7)
	case v.Kind() == reflect.String:
		v.SetString("text")
	default:
		panic(fmt.Sprintf("no value for %s", v.Type()))
	}
}

// walk visits each field, at every depth, with what changes it.
func walk(v reflect.Value, path string, visit func(string, func())) {
	switch {
	case v.Type() == rawType:
		visit(path, func() { v.Set(reflect.ValueOf(json.RawMessage(`{"a":2}`))) })
	case v.Type() == timeType:
		visit(path, func() { v.Set(reflect.ValueOf(noon.Add(time.Second))) })
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
		}
	case v.Kind() == reflect.Pointer:
		visit(path, func() { v.SetZero() })
		if !v.IsNil() {
			walk(v.Elem(), path, visit)
		}
	case v.Kind() == reflect.Slice:
		visit(path, func() { v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem()))) })
		walk(v.Index(0), path+"[0]", visit)
	case v.Kind() == reflect.Map:
		key := reflect.ValueOf("key")
		visit(path, func() { v.SetMapIndex(reflect.ValueOf("second"), v.MapIndex(key)) })
		item := reflect.New(v.Type().Elem()).Elem()
		item.Set(v.MapIndex(key))
		walk(item, path+"[key]", func(p string, alter func()) {
			visit(p, func() { alter(); v.SetMapIndex(key, item) })
		})
	case v.Kind() == reflect.Bool:
		visit(path, func() { v.SetBool(!v.Bool()) })
	case v.CanInt():
		visit(path, func() { v.SetInt(v.Int() + 1) })
	default:
		visit(path, func() { v.SetString(v.String() + "x") })
	}
}

func TestFilterValue(t *testing.T) {
	for _, c := range []struct {
		kind, text string
		want       any // nil: it is refused
	}{
		{"", "WEST", "WEST"}, {"String", "true", "true"}, {"String", "5", "5"}, {"String", " ", " "},
		{"Number", "5", json.Number("5")}, {"Number", "-2.50", json.Number("-2.50")}, {"Number", "1e3", json.Number("1e3")},
		{"Number", "9007199254740993", json.Number("9007199254740993")}, // is no float
		{"Number", "", nil}, {"Number", "x", nil}, {"Number", " 5", nil}, {"Number", "5 ", nil}, {"Number", "5\n", nil}, {"Number", "0x10", nil}, {"Number", "01", nil}, {"Number", "+5", nil},
		{"Number", "1_000", nil}, {"Number", "NaN", nil}, {"Number", "Infinity", nil}, {"Number", "1e999", nil}, {"Number", "null", nil}, {"Number", "true", nil}, {"Number", `"5"`, nil}, {"Number", "[5]", nil},
		{"Boolean", "true", true}, {"Boolean", "false", false},
		{"Boolean", "", nil}, {"Boolean", "True", nil}, {"Boolean", "T", nil}, {"Boolean", "1", nil}, {"Boolean", "yes", nil},
	} {
		got, err := Filter{Type: c.kind, Value: c.text}.FixedValue()
		if (err != nil) != (c.want == nil) || got != c.want {
			t.Errorf("%s %q: got %#v, %v, want %#v", c.kind, c.text, got, err, c.want)
		}
		if err != nil {
			continue
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("%s %q cannot be sent: %v", c.kind, c.text, err)
		}
	}
}
