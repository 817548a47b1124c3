// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package sqlengine

import (
	"errors"
	"strings"

	"github.com/gatehouse-dev/gatehouse/emulator/internal/metastore"
	"github.com/gatehouse-dev/gatehouse/emulator/internal/wire"
)

// Secrets are the secret scopes of the workspace.
type Secrets interface {
	// Secret is the value of a key in a scope; ok is false when there is none that
	// the principal may read, so that who may not read cannot tell.
	Secret(principal, scope, key string) (value string, ok bool)
}

// createConnection runs CREATE CONNECTION n TYPE HTTP OPTIONS (host '...', ...).
func (r *run) createConnection() (*Result, error) {
	ifNotExists := r.c.accept("IF", "NOT", "EXISTS")
	s, err := r.named(metastore.TypeConnection)
	if err != nil {
		return nil, err
	}
	if err := r.c.expect("TYPE"); err != nil {
		return nil, err
	}
	kind, err := r.c.identifier("a type of connection")
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(kind, "HTTP") {
		return nil, notImplemented("connections of the type " + strings.ToUpper(printable(kind)))
	}
	if !r.engine.Store.MayCreateConnection(r.session.Principal) {
		return nil, insufficient("CREATE_CONNECTION", metastore.TypeMetastore, metastore.Root.Name)
	}
	options, err := r.connectionOptions()
	if err != nil {
		return nil, err
	}
	comment, err := r.commentClause()
	if err != nil {
		return nil, err
	}
	if err := r.c.end(); err != nil {
		return nil, err
	}
	if fresh, err := r.fresh(s, ifNotExists); !fresh || err != nil {
		return &Result{}, err
	}
	o := r.object(s, comment)
	if err := o.SetOptions(options, r.engine.HTTP != nil && r.engine.HTTP.Plain()); err != nil {
		if refused, ok := errors.AsType[*wire.Error](err); ok {
			return nil, failure("22023", "[INVALID_PARAMETER_VALUE] %s", refused.Message)
		}
		return nil, err
	}
	return &Result{}, r.engine.Store.Put(o)
}

// connectionOptions reads OPTIONS (key 'value' | key secret('scope', 'key'), ...).
func (r *run) connectionOptions() (map[string]string, error) {
	if err := r.c.expect("OPTIONS", "("); err != nil {
		return nil, err
	}
	out := map[string]string{}
	err := r.c.elements(func() error {
		key := r.c.peek().text
		if k := r.c.peek().kind; k != tokenWord && k != tokenQuoted && k != tokenString {
			return syntaxError("expected an option")
		}
		r.c.i++
		if _, twice := out[key]; twice {
			return syntaxError("an option is given twice")
		}
		var err error
		out[key], err = r.optionValue()
		return err
	})
	return out, err
}

func (r *run) optionValue() (string, error) {
	if !r.c.accept("SECRET", "(") {
		return r.c.text("the value of an option")
	}
	scope, err := r.c.text("a secret scope")
	if err != nil {
		return "", err
	}
	if err := r.c.expect(","); err != nil {
		return "", err
	}
	key, err := r.c.text("the key of a secret")
	if err != nil {
		return "", err
	}
	if err := r.c.expect(")"); err != nil {
		return "", err
	}
	if r.engine.Secrets != nil {
		if value, ok := r.engine.Secrets.Secret(r.session.Principal, scope, key); ok {
			return value, nil
		}
	}
	return "", failure("42704", "[SECRET_NOT_FOUND] The secret with scope `%s` and key `%s` cannot be found.", printable(scope), printable(key))
}
