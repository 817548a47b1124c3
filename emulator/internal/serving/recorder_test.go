// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// slow are tables whose first row is not written before it may be, and each with the same result.
type slow struct {
	Tables
	may    chan struct{}
	err    error
	writes int
}

func (s *slow) Append(context.Context, string, time.Time, map[string]any) error {
	<-s.may
	s.writes++
	return s.err
}

func TestRowsThatHaveNoRoomAreToldOfAndHoldNobodyUp(t *testing.T) {
	tables := &slow{may: make(chan struct{})}
	r := newRecorder(tables, slog.New(slog.DiscardHandler))
	one := row{table: "t", cells: map[string]any{"databricks_request_id": "id"}}
	const more = 3
	for range mostWaiting + 1 + more { // one of them may be on its way
		r.add(one)
	}
	failed, total := r.unlogged()
	if total != more && total != more+1 || len(failed) != total || failed[0].Error != errNoRoom.Error() || failed[0].Table != "t" || failed[0].RequestID != "id" {
		t.Errorf("%d, %+v", total, failed)
	}
	close(tables.may)
	r.close()
	if want := mostWaiting + 1 + more - total; tables.writes != want {
		t.Errorf("closed after %d rows of %d", tables.writes, want)
	}
	r.close()
	r.add(one)
	if _, after := r.unlogged(); after != total+1 {
		t.Errorf("after the end: %d", after)
	}
}

func TestWhatIsToldOfARowRepeatsNothingOfIt(t *testing.T) {
	log := &bytes.Buffer{}
	tables := &slow{may: make(chan struct{}), err: errors.New("cannot write 'a secret'")}
	close(tables.may)
	r := newRecorder(tables, slog.New(slog.NewTextHandler(log, nil)))
	for range mostUnlogged + 1 { // fewer than may wait
		r.add(row{table: "t", cells: map[string]any{"request": "a secret"}})
	}
	r.close()
	failed, total := r.unlogged()
	if total != mostUnlogged+1 || len(failed) != mostUnlogged || failed[0].Error == "" || strings.Contains(failed[0].Error+log.String(), "secret") {
		t.Errorf("%d, %d kept, the first is %+v", total, len(failed), failed[0])
	}
}
