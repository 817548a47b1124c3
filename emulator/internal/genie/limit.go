// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package genie

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// limiter bounds the questions of a workspace in a sliding window.
type limiter struct {
	// most is how many questions a window takes; negative is no bound.
	most   int
	window time.Duration
	mu     sync.Mutex
	taken  []time.Time
}

// take counts a question, or says how long to wait. A refused question is not counted.
// The answer to one too many is not documented: it is 429 REQUEST_LIMIT_EXCEEDED with
// Retry-After in whole seconds, rounded up.
func (l *limiter) take(now time.Time) error {
	if l.most < 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.taken) > 0 && now.Sub(l.taken[0]) >= l.window {
		l.taken = l.taken[1:]
	}
	if len(l.taken) < l.most {
		l.taken = append(l.taken, now)
		return nil
	}
	seconds := max(1, math.Ceil((l.window - now.Sub(l.taken[0])).Seconds()))
	return &wire.Error{
		Status: http.StatusTooManyRequests, Code: "REQUEST_LIMIT_EXCEEDED",
		Message: fmt.Sprintf("Rate limit exceeded: at most %d questions per minute may be asked in this workspace.", l.most),
		Header:  http.Header{"Retry-After": {strconv.Itoa(int(seconds))}},
	}
}
