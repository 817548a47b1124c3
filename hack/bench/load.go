// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// order asks the load generator for one stretch of load.
type order struct {
	// Address is where the server listens.
	Address string `json:"address"`
	// Requests are whole HTTP requests, one for each caller, who sends it again and
	// again on a connection of its own.
	Requests [][]byte `json:"requests"`
	// For is how long callers begin new calls; 0 is one call each.
	For time.Duration `json:"for"`
}

// outcome is what came of an order.
type outcome struct {
	Calls   int           `json:"calls"`
	Elapsed time.Duration `json:"elapsed"`
	P50     time.Duration `json:"p50"`
	P99     time.Duration `json:"p99"`
	// Problem is the first answer that was not right; then nothing else counts.
	Problem string `json:"problem,omitempty"`
}

// serveLoad makes the load that it is ordered to, one order at a time.
func serveLoad(ctx context.Context, _ []string, in io.Reader, out io.Writer) error {
	orders, outcomes := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read an order: %w", err)
		}
		if err := outcomes.Encode(o.run(ctx)); err != nil {
			return fmt.Errorf("write an outcome: %w", err)
		}
	}
}

// run opens all connections first, then lets all callers begin at once.
func (o order) run(ctx context.Context) outcome {
	callers := make([]*sender, len(o.Requests))
	for i, r := range o.Requests {
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", o.Address)
		if err != nil {
			return outcome{Problem: "cannot connect: " + err.Error()}
		}
		defer func() { _ = conn.Close() }()
		callers[i] = &sender{conn: conn, in: bufio.NewReader(conn), request: r}
	}
	var group sync.WaitGroup
	start := make(chan struct{})
	var began time.Time
	for _, c := range callers {
		group.Go(func() {
			<-start
			c.run(began, o.For)
		})
	}
	began = time.Now()
	close(start)
	group.Wait()
	elapsed := time.Since(began)
	var all []time.Duration
	for _, c := range callers {
		if c.err != nil {
			return outcome{Problem: c.err.Error()}
		}
		all = append(all, c.took...)
	}
	slices.Sort(all)
	return outcome{Calls: len(all), Elapsed: elapsed, P50: percentile(all, .50), P99: percentile(all, .99)}
}

// sender sends one request again and again.
type sender struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	body    bytes.Buffer
	took    []time.Duration
	err     error
}

// callTimeout is how long an answer may take.
const callTimeout = 30 * time.Second

func (c *sender) run(began time.Time, howLong time.Duration) {
	for {
		at := time.Now()
		if c.err = c.call(at); c.err != nil {
			return
		}
		c.took = append(c.took, time.Since(at))
		if time.Since(began) >= howLong {
			return
		}
	}
}

// call makes one call and looks at the answer. The first one is read as a whole; of
// the others the marker is enough.
func (c *sender) call(at time.Time) error {
	if len(c.took)%256 == 0 {
		if err := c.conn.SetDeadline(at.Add(callTimeout)); err != nil {
			return fmt.Errorf("set a deadline: %w", err)
		}
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return fmt.Errorf("send a call: %w", err)
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	c.body.Reset()
	_, err = c.body.ReadFrom(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	if err := right(res.StatusCode, c.body.Bytes()); err != nil {
		return err
	}
	if len(c.took) == 0 {
		return whole(c.body.Bytes())
	}
	return nil
}

// right says whether an answer holds the row that was asked for and no error.
func right(status int, body []byte) error {
	if status != http.StatusOK || !bytes.Contains(body, []byte(marker)) || bytes.Contains(body, []byte(`"isError":true`)) {
		return fmt.Errorf("a call was answered %d %.600s", status, body)
	}
	return nil
}

// whole reads an answer as a client would: JSON, or one event that holds it; of MCP, a
// result that is no error and has the rows twice, for programs and for models.
func whole(body []byte) error {
	if _, data, ok := bytes.Cut(body, []byte("data: ")); ok {
		body, _, _ = bytes.Cut(data, []byte("\n"))
	}
	var a struct {
		Version string          `json:"jsonrpc"`
		Error   json.RawMessage `json:"error"`
		Rows    []any           `json:"rows"`
		Result  struct {
			Structured struct {
				Status string `json:"status"`
				Rows   []any  `json:"rows"`
			} `json:"structuredContent"`
			Content []struct {
				Text string `json:"text"`
			} `json:"content"`
		} `json:"result"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Errorf("an answer is not JSON: %.300s", body)
	}
	good := len(a.Rows) == 2
	if a.Version != "" {
		good = len(a.Result.Structured.Rows) == 2 && a.Result.Structured.Status == "ok" && len(a.Result.Content) == 1 &&
			bytes.Contains([]byte(a.Result.Content[0].Text), []byte(marker))
	}
	if a.Error != nil || !good {
		return fmt.Errorf("an answer does not hold the rows: %.300s", body)
	}
	return nil
}
