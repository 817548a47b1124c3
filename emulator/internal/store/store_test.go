// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
)

type row struct {
	Name string            `json:"name"`
	Tags map[string]string `json:"tags,omitempty"`
}

// world is a store with two collections.
type world struct {
	*store.Store
	rows  *store.Collection[row]
	lists *store.Collection[[]string]
}

func open(t testing.TB, dir string) world {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := store.Collect[row](s, "rows")
	if err != nil {
		t.Fatal(err)
	}
	lists, err := store.Collect[[]string](s, "lists")
	if err != nil {
		t.Fatal(err)
	}
	return world{s, rows, lists}
}

// names are the rows by key, with how long each one's list is.
func (w world) names() map[string]int {
	tx := w.Read()
	defer tx.End()
	out := map[string]int{}
	for key := range w.rows.All(tx) {
		list, _ := w.lists.Get(tx, key)
		out[key] = len(list)
	}
	return out
}

func (w world) put(key string) error {
	return w.Change(func(tx *store.Tx) error {
		w.rows.Put(tx, key, row{Name: key, Tags: map[string]string{`a "quoted" key`: "<&>"}})
		w.lists.Put(tx, key, []string{"a", "b"})
		return nil
	})
}

func TestARestartGivesBackWhatWasChanged(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	for _, key := range []string{"x", `y "z"`, "gone"} {
		if err := w.put(key); err != nil {
			t.Fatal(err)
		}
	}
	err := w.Change(func(tx *store.Tx) error {
		w.rows.Delete(tx, "gone")
		w.lists.Delete(tx, "gone")
		w.lists.Delete(tx, "never there")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w = open(t, dir)
	if got, want := w.names(), map[string]int{"x": 2, `y "z"`: 2}; !maps.Equal(got, want) {
		t.Errorf("the rows are %v, want %v", got, want)
	}
	tx := w.Read()
	defer tx.End()
	if r, ok := w.rows.Get(tx, "x"); !ok || r.Name != "x" || r.Tags[`a "quoted" key`] != "<&>" {
		t.Errorf("the row is %v", r)
	}
}

func TestAChangeThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	if err := w.put("x"); err != nil {
		t.Fatal(err)
	}
	wanted := errors.New("no")
	change := func(end func() error) func(tx *store.Tx) error {
		return func(tx *store.Tx) error {
			w.rows.Put(tx, "y", row{Name: "y"})
			w.rows.Put(tx, "x", row{Name: "changed"})
			w.rows.Delete(tx, "x")
			w.lists.Put(tx, "x", nil)
			return end()
		}
	}
	unchanged := func(w world, when string) {
		t.Helper()
		tx := w.Read()
		defer tx.End()
		r, _ := w.rows.Get(tx, "x")
		list, _ := w.lists.Get(tx, "x")
		if _, ok := w.rows.Get(tx, "y"); ok || r.Name != "x" || len(list) != 2 {
			t.Errorf("%s something of it is left: %v %v", when, r, list)
		}
	}
	if err := w.Change(change(func() error { return wanted })); !errors.Is(err, wanted) {
		t.Errorf("the error is %v", err)
	}
	unchanged(w, "after an error")
	func() {
		defer func() { _ = recover() }()
		_ = w.Change(change(func() error { panic("no") }))
	}()
	unchanged(w, "after a panic")
	// A folder in the place of the temporary file lets no snapshot be written.
	if err := os.Mkdir(filepath.Join(dir, store.FileName+".tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := w.Change(change(func() error { return nil })); err == nil {
		t.Error("a snapshot that cannot be written is no error")
	}
	unchanged(w, "after a failed write")
	unchanged(open(t, dir), "after a restart")
}

func TestCollectionsThatNobodyOpenedStay(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).put("x"); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	other, err := store.Collect[int](s, "other")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Change(func(tx *store.Tx) error { other.Put(tx, "n", 1); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := open(t, dir).names(); got["x"] != 2 {
		t.Errorf("the rows are %v", got)
	}
	if _, err := store.Collect[int](s, "other"); err == nil {
		t.Error("a collection is opened twice")
	}
}

func TestAFileThatCannotBeReadIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"cut off":             {`{"version":1,"collections":{"rows":`, "unexpected end"},
		"another version":     {`{"version":2,"collections":{}}`, "version 2"},
		"no version":          {`{}`, "version 0"},
		"a row of other type": {`{"version":1,"collections":{"rows":{"x":5}}}`, `rows "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, store.FileName)
			if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(dir)
			if err == nil {
				_, err = store.Collect[row](s, "rows")
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("the error is %v, want it to name %q and the file", err, c.want)
			}
			if raw, err := os.ReadFile(file); err != nil || string(raw) != c.content {
				t.Errorf("the file has become %s %v", raw, err)
			}
		})
	}
}

func TestWritingInAReadPanics(t *testing.T) {
	w := open(t, "")
	defer func() {
		if recover() == nil {
			t.Error("a read transaction writes")
		}
	}()
	tx := w.Read()
	defer tx.End()
	w.rows.Put(tx, "x", row{})
}

func TestChangesAtOnceAreAllKept(t *testing.T) {
	dir := t.TempDir()
	w := open(t, dir)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 10 {
				if err := w.put(string(rune('a'+i)) + string(rune('a'+j))); err != nil {
					t.Error(err)
				}
				w.names()
			}
		})
	}
	all.Wait()
	if got := len(open(t, dir).names()); got != 80 {
		t.Errorf("%d rows are left of 80", got)
	}
}
