// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/test/env"
)

// govern changes Databricks behind the operator's back, has it tell a plan without
// carrying it out, and lets a tenant ask for more than it may.
func (d *demo) govern(ctx context.Context, result *Result) error {
	if err := d.heal(ctx, result); err != nil {
		return fmt.Errorf("take a grant away behind the operator's back: %w", err)
	}
	if err := d.observeOnly(ctx); err != nil {
		return fmt.Errorf("only observe: %w", err)
	}
	if err := d.overreach(ctx); err != nil {
		return fmt.Errorf("ask for too much: %w", err)
	}
	return d.waitReady(ctx)
}

// heal revokes a grant as the data team, and asks the operator to look by an annotation.
func (d *demo) heal(ctx context.Context, result *Result) error {
	const table = "main.sales.deals"
	team, err := d.dataTeam(ctx)
	if err != nil {
		return err
	}
	role := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: samplesSpace, Name: "west-sales"}}
	if err := d.kube.Get(ctx, client.ObjectKeyFromObject(role), role); err != nil {
		return err
	}
	principal := role.Status.ServicePrincipal.ApplicationID
	held := func() (bool, error) {
		rows, err := team.Query(ctx, "SHOW GRANTS `"+principal+"` ON TABLE "+table)
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(rows, func(r []*string) bool {
			return len(r) > 1 && r[1] != nil && *r[1] == "SELECT"
		}), nil
	}
	if has, err := held(); err != nil || !has {
		return errors.Join(fmt.Errorf("before the change, west-sales has no SELECT on %s", table), err)
	}
	if err := team.SQL(ctx, "REVOKE SELECT ON TABLE "+table+" FROM `"+principal+"`"); err != nil {
		return err
	}
	if has, err := held(); err != nil || has {
		return errors.Join(fmt.Errorf("after the revocation, west-sales still has SELECT on %s", table), err)
	}
	d.say("   the data team revoked SELECT on %s from west-sales; at the next resync it would come back", table)
	began := time.Now()
	ask, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{v1alpha1.AnnotationReconcileRequestedAt: began.UTC().Format(time.RFC3339Nano)}}})
	if err != nil {
		return err
	}
	if err := d.kube.Patch(ctx, role, client.RawPatch(types.MergePatchType, ask)); err != nil {
		return err
	}
	if err := until(ctx, "the return of the grant", 20*time.Millisecond, func(context.Context) (bool, error) { return held() }); err != nil {
		return err
	}
	result.HealMilliseconds = time.Since(began).Milliseconds()
	d.say("   asked to look at once, by the annotation %s: it is back after %d ms", v1alpha1.AnnotationReconcileRequestedAt, result.HealMilliseconds)
	return until(ctx, "the word of it in status", 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		if err := d.kube.Get(ctx, client.ObjectKeyFromObject(role), role); err != nil {
			return false, err
		}
		drift := role.Status.LastDrift
		if drift == nil || drift.DetectedAt.Time.Before(began.Truncate(time.Second)) {
			return false, nil
		}
		d.say("   the Role's status.lastDrift: %s; so since %s at most", strings.Join(drift.Steps, "; "), drift.Since.UTC().Format(time.TimeOnly))
		return true, nil
	})
}

// dataTeam signs in as the owner of the tables.
func (d *demo) dataTeam(ctx context.Context) (*env.API, error) {
	emulator, err := d.emulator(ctx)
	if err != nil {
		return nil, err
	}
	secret, err := d.secret("data-team")
	if err != nil {
		return nil, err
	}
	team, err := emulator.SignInWithSecret(ctx, workspaceURL, dataTeamID, secret)
	if err != nil {
		return nil, fmt.Errorf("sign in as the data team: %w", err)
	}
	return team, nil
}

// observeOnly changes a mask while the DataPolicy may only observe: the plan is told, and no answer changes.
func (d *demo) observeOnly(ctx context.Context) error {
	session, err := d.sessionOf(ctx, "managers")
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // stateless
	policy := &v1alpha1.DataPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: samplesSpace, Name: "deals"}}
	privileged := []string{"executives", "finance", "gatehouse_admins"}
	if err := d.manage(ctx, policy, v1alpha1.ManagementObserveOnly, append([]string{"sales_managers"}, privileged...)); err != nil {
		return err
	}
	var plan string
	if err := until(ctx, "a plan", 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		if err := d.kube.Get(ctx, client.ObjectKeyFromObject(policy), policy); err != nil {
			return false, err
		}
		c := meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionSynced)
		if c == nil || c.Reason != v1alpha1.ReasonObserveOnly || c.ObservedGeneration != policy.Generation {
			return false, nil
		}
		plan = c.Message
		return true, nil
	}); err != nil {
		return err
	}
	d.say("   the DataPolicy deals may only observe now, and is changed. Its plan:\n     %s", plan)
	a, err := call(ctx, session, "query_sales_data", nil)
	if err != nil {
		return err
	}
	if a.Status != "ok" || len(a.Rows) == 0 || a.Rows[0]["margin_pct"] != nil {
		return fmt.Errorf("while it may only observe, the answer to managers changed: %s %s", a.Status, a.Error.Code)
	}
	d.say("   nothing was written: managers still see no margins")
	return d.manage(ctx, policy, v1alpha1.ManagementEnforce, privileged)
}

// manage sets the management policy of the DataPolicy, and who sees margins.
func (d *demo) manage(ctx context.Context, policy *v1alpha1.DataPolicy, how v1alpha1.ManagementPolicy, groups []string) error {
	change, err := json.Marshal([]replacement{
		{"add", "/spec/managementPolicy", how}, {"test", "/spec/columnMasks/0/column", "margin_pct"}, {"replace", "/spec/columnMasks/0/visibleTo/groups", groups},
	})
	if err != nil {
		return err
	}
	return d.kube.Patch(ctx, policy, client.RawPatch(types.JSONPatchType, change))
}

// sessionOf is an MCP session of a user with the first pod of the server.
func (d *demo) sessionOf(ctx context.Context, user string) (*mcp.ClientSession, error) {
	pod, err := d.podOf(ctx, samplesSpace, v1alpha1.LabelServer, serverName)
	if err != nil {
		return nil, err
	}
	token, err := d.login(ctx, user)
	if err != nil {
		return nil, err
	}
	return d.connect(ctx, pod, token)
}

// overreach is a tenant's Role that asks for the audit table and for the administrators' group.
func (d *demo) overreach(ctx context.Context) error {
	role := &v1alpha1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: partnerSpace, Name: "greedy"},
		Spec: v1alpha1.RoleSpec{
			WorkspaceRef: v1alpha1.LocalReference{Name: "main"}, MemberOf: []v1alpha1.AccountGroupName{"gatehouse_admins"},
			Grants: []v1alpha1.Grant{{Securable: v1alpha1.Securable{Type: v1alpha1.SecurableTable, Name: "main.gatehouse.tool_calls"}, Privileges: []v1alpha1.Privilege{"SELECT"}}},
		},
	}
	if err := client.IgnoreNotFound(d.kube.Delete(ctx, role.DeepCopy())); err != nil { // of a run that was cut off
		return err
	}
	if err := d.gone(ctx, role); err != nil {
		return err
	}
	if err := d.kube.Create(ctx, role); err != nil {
		return err
	}
	if err := until(ctx, "the refusal", 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		if err := d.kube.Get(ctx, client.ObjectKeyFromObject(role), role); err != nil {
			return false, err
		}
		return meta.IsStatusConditionFalse(role.Status.Conditions, v1alpha1.ConditionWithinBoundary), nil
	}); err != nil {
		return err
	}
	c := meta.FindStatusCondition(role.Status.Conditions, v1alpha1.ConditionWithinBoundary)
	if id := role.Status.ServicePrincipal.ApplicationID; id != "" {
		return fmt.Errorf("the Role that was refused (%s) has the service principal %s", c.Reason, id)
	}
	d.say("   %s/greedy asks for too much and gets nothing, no service principal either. %s:\n     %s", partnerSpace, c.Reason, c.Message)
	if err := d.kube.Delete(ctx, role); err != nil {
		return err
	}
	return d.gone(ctx, role)
}

// gone waits until an object is not there.
func (d *demo) gone(ctx context.Context, o client.Object) error {
	return until(ctx, "the removal of "+o.GetName(), 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		err := d.kube.Get(ctx, client.ObjectKeyFromObject(o), o)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
}
