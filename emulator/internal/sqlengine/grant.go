// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"errors"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// grant runs GRANT privileges ON object TO principal, and REVOKE ... FROM.
func (r *run) grant(give bool) (*Result, error) {
	privileges, err := r.privileges()
	if err != nil {
		return nil, err
	}
	s, err := r.securable()
	if err != nil {
		return nil, err
	}
	to := map[bool]string{true: "TO", false: "FROM"}[give]
	if err := r.c.expect(to); err != nil {
		return nil, err
	}
	principal, err := r.principal("expected a principal")
	if err != nil {
		return nil, err
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	if _, err := r.managed(s); err != nil {
		return nil, err
	}
	change := metastore.Change{Principal: principal, Remove: privileges}
	if give {
		change = metastore.Change{Principal: principal, Add: privileges}
	}
	if err := r.engine.Store.Apply(s, []metastore.Change{change}); err != nil {
		if refused, ok := errors.AsType[*wire.Error](err); ok {
			return nil, failure("42000", "[%s] %s", refused.Code, refused.Message)
		}
		return nil, err
	}
	return done()
}

// privileges reads privileges up to ON.
func (r *run) privileges() ([]string, error) {
	var out []string
	for {
		var words []string
		for r.c.peek().kind == tokenWord && !r.c.peek().is("ON") {
			words = append(words, strings.ToUpper(r.c.peek().text))
			r.c.i++
		}
		if len(words) == 0 {
			return nil, syntaxError("expected a privilege")
		}
		out = append(out, strings.Join(words, "_"))
		if r.c.accept("ON") {
			return out, nil
		}
		if err := r.c.expect(","); err != nil {
			return nil, err
		}
	}
}

// principal reads the name of a principal, or refuses with a message.
func (r *run) principal(otherwise string) (string, error) {
	t := r.c.peek()
	if t.kind != tokenWord && t.kind != tokenQuoted {
		return "", syntaxError(otherwise)
	}
	r.c.i++
	return t.text, nil
}
