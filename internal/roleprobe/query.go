// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package roleprobe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/trust"
)

const (
	// queryTimeout bounds a query with its policy and its token.
	queryTimeout = 45 * time.Second
	// removeTimeout bounds the deletion of a policy. It is tried removeAttempts times, then left to the next pass.
	removeTimeout, removeAttempts = 30 * time.Second, 3
)

// Client is what a probe needs of Databricks.
type Client interface {
	trust.Client
	// Ask runs a statement as a service principal that admits the subject token.
	Ask(ctx context.Context, applicationID string, subject wire.Secret, r wire.StatementRequest) (*wire.StatementResult, error)
}

var _ Client = (*admin.Client)(nil)

// Probe is some checks that run in one statement as one service principal.
type Probe struct {
	Workspace, WarehouseID string
	// PrincipalID and ApplicationID are those of the service principal.
	PrincipalID, ApplicationID string
	// Generation is that of the Role: a result of another generation does not count.
	Generation int64
	// Checks are boolean SQL expressions. The caller makes them safe.
	Checks []string
}

// Key returns the key of the result of one of the checks.
func (p Probe) Key(check string) Key {
	return Key{Workspace: p.Workspace, ApplicationID: p.ApplicationID, Generation: p.Generation, Check: check}
}

// PolicyOf returns the id and the mark of the temporary policies of an object's probes. A
// service principal has at most one of them.
func (p *Prober) PolicyOf(owner client.Object) (id, description string) {
	key := access.Key(owner)
	return trust.ID(p.opts.Installation, p.opts.Purpose, key), trust.Description(p.opts.Installation, p.opts.Purpose, key)
}

// query runs the checks of a probe as its service principal. Removed says that the temporary
// policy is gone, or was never made.
func (p *Prober) query(ctx context.Context, c Client, owner client.Object, probe Probe) (values map[string]bool, removed bool, err error) {
	token, rules, err := p.credential(ctx)
	if err != nil {
		return nil, true, err
	}
	ctx, end := context.WithTimeout(ctx, queryTimeout)
	defer end()
	id, description := p.PolicyOf(owner)
	log.FromContext(ctx).V(1).Info("Running checks as a Role", "servicePrincipal", probe.PrincipalID)
	err = trust.Apply(ctx, c, external.Create, trust.Policy{PrincipalID: probe.PrincipalID, ID: id, Description: description, Rules: rules})
	created := err == nil
	defer func() {
		if failure := remove(ctx, c, probe.PrincipalID, id, description, created); failure != nil {
			removed = false
			log.FromContext(ctx).Error(failure, "Leaving a temporary federation policy to the next pass", "servicePrincipal", probe.PrincipalID)
		}
	}()
	if !created {
		return nil, true, fmt.Errorf("create the temporary federation policy: %w", err)
	}
	out, err := c.Ask(ctx, probe.ApplicationID, token, wire.StatementRequest{WarehouseID: probe.WarehouseID, Statement: statement(probe.Checks), Repeatable: true})
	if err != nil {
		return nil, true, fmt.Errorf("run the query: %w", err)
	}
	values, err = parseRow(out, probe)
	return values, true, err
}

// statement selects the caller and the checks, one column each.
func statement(checks []string) string {
	return "SELECT " + strings.Join(append([]string{"current_user()"}, checks...), ", ")
}

// parseRow returns the values of the checks, if the statement ran as the service principal.
func parseRow(out *wire.StatementResult, probe Probe) (map[string]bool, error) {
	malformed := errors.New("the result has an unexpected form")
	if len(out.Rows) != 1 || len(out.Rows[0]) != len(probe.Checks)+1 {
		return nil, malformed
	}
	row := out.Rows[0]
	if row[0] == nil || *row[0] != probe.ApplicationID {
		return nil, errors.New("the statement did not run as the Role's service principal")
	}
	values := map[string]bool{}
	for i, check := range probe.Checks {
		cell := row[i+1]
		if cell == nil || *cell != "true" && *cell != "false" {
			return nil, malformed
		}
		values[check] = *cell == "true"
	}
	return values, nil
}

// remove deletes the policy of a probe, also when ctx has ended. A policy with another mark
// is not ours and stays. After a successful create the mark is not read, because reads may lag.
func remove(ctx context.Context, c trust.Client, principalID, id, description string, created bool) error {
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer end()
	var err error
	for attempt := range removeAttempts {
		if attempt > 0 {
			select {
			case <-time.After(time.Duration(attempt) * time.Second):
			case <-ctx.Done():
				return err
			}
		}
		if !created {
			var have *trust.Policy
			if have, err = trust.Observe(ctx, c, principalID, id, description); err != nil {
				continue
			}
			if have != nil && have.Foreign {
				return nil
			}
		}
		if err = c.DeletePolicy(ctx, principalID, id); err == nil {
			return nil
		}
	}
	return err
}
