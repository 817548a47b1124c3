// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"context"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
)

// secure is the text that DuckDB runs for a query of the session's.
func (r *run) secure(tokens []token) (string, error) {
	translated, err := supported(tokens, r.statement.Params)
	if err != nil {
		return "", err
	}
	tree, err := r.engine.parse(r.ctx, translated)
	if err != nil {
		return "", err
	}
	out, err := r.rewriter().rewrite(tree, nil)
	if err != nil {
		return "", err
	}
	secured, _ := out.(node)
	return r.engine.unparse(r.ctx, secured)
}

func (r *run) query() (*Result, error) {
	text, err := r.secure(r.c.tokens)
	if err != nil {
		return nil, err
	}
	rows, err := r.engine.db.QueryContext(r.ctx, text, bound(r.c.tokens, r.statement.Params)...)
	if err != nil {
		return nil, engineError(err)
	}
	defer rows.Close() //nolint:errcheck // read to the end, or cut short on purpose
	return read(rows, r.statement.RowLimit, r.statement.ByteLimit)
}

// scalar secures an expression over the columns of one table.
func (r *run) scalar(target metastore.Object, tokens []token) (string, error) {
	if len(tokens) == 0 {
		return "", syntaxError("expected an expression")
	}
	translated, err := supported(tokens, r.statement.Params)
	if err != nil {
		return "", err
	}
	w := r.rewriter()
	w.target = target.Name[strings.LastIndex(target.Name, ".")+1:]
	tree, err := w.expression("(" + translated + ")")
	if err != nil {
		return "", err
	}
	out, err := w.rewrite(tree, nil)
	if err != nil {
		return "", err
	}
	secured, _ := out.(node)
	return r.engine.scalarText(r.ctx, secured)
}

// scalarText writes an expression as text.
func (e *Engine) scalarText(ctx context.Context, expression node) (string, error) {
	tree, err := e.parse(ctx, "SELECT 1")
	if err != nil {
		return "", err
	}
	tree["select_list"] = []any{expression}
	text, err := e.unparse(ctx, tree)
	return strings.TrimPrefix(text, "SELECT "), err
}
