// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/store"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/subprocess"
)

func TestMain(m *testing.M) { subprocess.Main(m, writeUntilKilled) }

// counters are two collections that each change moves together.
func counters(dir string) (*store.Store, [2]*store.Collection[int], error) {
	s, err := store.Open(dir)
	if err != nil {
		return nil, [2]*store.Collection[int]{}, err
	}
	left, err := store.Collect[int](s, "left")
	if err != nil {
		return nil, [2]*store.Collection[int]{}, err
	}
	right, err := store.Collect[int](s, "right")
	return s, [2]*store.Collection[int]{left, right}, err
}

// writeUntilKilled counts in both collections, and prints each number once it is kept.
func writeUntilKilled(dir string) error {
	s, both, err := counters(dir)
	for n := 0; err == nil; n++ {
		err = s.Change(func(tx *store.Tx) error {
			for _, c := range both {
				c.Put(tx, "filler "+strconv.Itoa(n%100), n)
				last, _ := c.Get(tx, "n")
				c.Put(tx, "n", last+1)
				if n == 0 {
					n = last
				}
			}
			return nil
		})
		fmt.Println(n + 1)
	}
	return err
}

// killed runs a process on a folder, kills it after a while, and returns the last
// number that it acknowledged.
func killed(t *testing.T, dir string, after time.Duration) int {
	t.Helper()
	v := subprocess.Start(t, dir)
	last := 0
	lines := bufio.NewScanner(v.Out)
	for first := true; lines.Scan(); first = false {
		if first {
			time.AfterFunc(after, v.Kill)
		}
		var err error
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
	}
	v.Wait()
	return last
}

// TestAKilledProcessLosesNothingThatItAcknowledged kills at random points of a process
// that does nothing but write. The one change that was under way may be kept or not, in
// both collections.
func TestAKilledProcessLosesNothingThatItAcknowledged(t *testing.T) {
	dir := t.TempDir()
	for range 25 {
		last := killed(t, dir, time.Duration(rand.IntN(20_000))*time.Microsecond)
		s, both, err := counters(dir)
		if err != nil {
			t.Fatal(err)
		}
		tx := s.Read()
		left, _ := both[0].Get(tx, "n")
		right, _ := both[1].Get(tx, "n")
		tx.End()
		if last == 0 || left != right || left != last && left != last+1 {
			t.Fatalf("%d was acknowledged, and the collections have %d and %d", last, left, right)
		}
	}
}
