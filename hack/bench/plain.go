// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/caller"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

// plain is what the servers without fences have in common: the same statement as the
// governed one sends, by the same client over an HTTP pool of the same size, with a
// token that is given.
type plain struct{ statements *caller.Statements }

func newPlain(name string, args []string) (*plain, error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	host := flags.String("upstream", "", "URL of the upstream")
	caFile := flags.String("ca", "", "file with the upstream's certificate")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(*caFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("the file holds no certificate")
	}
	pool, _ := http.DefaultTransport.(*http.Transport)
	pool = pool.Clone()
	pool.TLSClientConfig, pool.MaxIdleConnsPerHost = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, 64
	return &plain{caller.NewStatements(*host, &http.Client{Transport: pool, Timeout: 35 * time.Second})}, nil
}

// ask runs the statement with the arguments of a call.
func (p *plain) ask(ctx context.Context, raw json.RawMessage) ([]byte, error) {
	var args struct {
		Region string      `json:"region"`
		Limit  json.Number `json:"limit"`
	}
	if err := json.Unmarshal(raw, &args); err != nil {
		return nil, err
	}
	limit := args.Limit.String()
	result, err := p.statements.Execute(ctx, "dbx-bench", wire.StatementRequest{
		WarehouseID: warehouse, Statement: statement, RowLimit: maxRows,
		Params: []wire.Param{{Name: "region", Type: "STRING", Value: &args.Region}, {Name: "limit", Type: "INT", Value: &limit}},
	})
	if err != nil {
		return nil, err
	}
	rows := make([]map[string]*string, len(result.Rows))
	for i, row := range result.Rows {
		rows[i] = make(map[string]*string, len(row))
		for j, cell := range row {
			rows[i][result.Columns[j].Name] = cell
		}
	}
	return json.Marshal(map[string]any{"status": "ok", "columns": result.Columns, "rows": rows, "row_count": len(rows)})
}

// serveBare is the MCP SDK as it comes: stateless, which the revision asks for, and
// otherwise its defaults; no check of the caller nor of the arguments, no metrics, no
// log. It answers as the product does, to programs and to models.
func serveBare(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	p, err := newPlain("bare", args)
	if err != nil {
		return err
	}
	srv := mcp.NewServer(&mcp.Implementation{Name: "bare", Version: "1"}, nil)
	srv.AddTool(&mcp.Tool{Name: toolName, Description: toolDescription, InputSchema: json.RawMessage(inputSchema)},
		func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			raw, err := p.ask(ctx, req.Params.Arguments)
			if err != nil {
				return nil, err
			}
			return &mcp.CallToolResult{StructuredContent: json.RawMessage(raw), Content: []mcp.Content{&mcp.TextContent{Text: string(raw)}}}, nil
		})
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return srv }, &mcp.StreamableHTTPOptions{Stateless: true}))
	return serve(ctx, &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}, ready{}, in, out)
}

// serveRaw answers the same request without MCP.
func serveRaw(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	p, err := newPlain("raw", args)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /mcp", func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Params struct {
				Arguments json.RawMessage `json:"arguments"`
			} `json:"params"`
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		raw, err := p.ask(r.Context(), request.Params.Arguments)
		if err != nil {
			http.Error(w, "the statement failed", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(raw) //nolint:gosec // JSON, to the load generator
	})
	return serve(ctx, &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}, ready{}, in, out)
}
