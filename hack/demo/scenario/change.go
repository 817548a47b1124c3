// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// change onboards a tenant by one Role, and takes a tool away from a role.
func (d *demo) change(ctx context.Context, result *Result) error {
	if err := d.onboard(ctx, result); err != nil {
		return fmt.Errorf("onboard %s: %w", partnerSpace, err)
	}
	if err := d.revoke(ctx, result); err != nil {
		return fmt.Errorf("take a tool away: %w", err)
	}
	if err := d.unmask(ctx); err != nil {
		return fmt.Errorf("change a mask: %w", err)
	}
	return nil
}

// onboard measures from the Role's apply to its user's first answer. The namespace
// and its Boundary are there before: that is the platform team's step.
func (d *demo) onboard(ctx context.Context, result *Result) error {
	if err := d.removeTenant(ctx); err != nil { // of an earlier run
		return err
	}
	if err := d.apply(ctx, "-k", filepath.Join(d.root, "config/samples/tenant")); err != nil {
		return err
	}
	if err := d.waitReady(ctx); err != nil {
		return err
	}
	token, err := d.login(ctx, partnerUser)
	if err != nil {
		return err
	}
	pod, err := d.podOf(ctx, samplesSpace, v1alpha1.LabelServer, serverName)
	if err != nil {
		return err
	}
	session, err := d.connect(ctx, pod, token)
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // stateless
	if a, err := call(ctx, session, "get_region_summary", nil); err != nil || a.Error.Code != "ACCESS_DENIED" {
		return fmt.Errorf("before its Role exists, the tenant's user got %q, %v", a.Error.Code, err) //nolint:errorlint // there may be no error
	}
	began := time.Now()
	if err := d.apply(ctx, "-f", filepath.Join(d.root, "config/samples/tenant/role.yaml")); err != nil {
		return err
	}
	var got answer
	if err := until(ctx, "the tenant's first answer", 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		a, err := call(ctx, session, "get_region_summary", nil)
		got = a
		return err == nil && a.Status == "ok", err
	}); err != nil {
		return fmt.Errorf("%w (the last answer was %s %s)", err, got.Error.Code, got.Error.Message)
	}
	result.OnboardSeconds = math.Round(time.Since(began).Seconds()*100) / 100
	if len(got.Rows) != 1 || got.Rows[0]["region"] != "WEST" {
		return fmt.Errorf("the tenant sees other rows than those of WEST")
	}
	d.say("   %s/west-sales applied; its user's first answer came after %.2f s, with the rows of WEST", partnerSpace, result.OnboardSeconds)
	return d.waitReady(ctx)
}

// removeTenant takes the seventh tenant away if an earlier run left it.
func (d *demo) removeTenant(ctx context.Context) error {
	role := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: partnerSpace, Name: "west-sales"}}
	delete(d.told, "Role "+partnerSpace+"/west-sales")
	if err := d.kube.Delete(ctx, role); err != nil {
		return client.IgnoreNotFound(err)
	}
	return until(ctx, "the removal of the tenant of an earlier run", 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		err := d.kube.Get(ctx, client.ObjectKeyFromObject(role), role)
		if !apierrors.IsNotFound(err) {
			return false, err
		}
		s, err := d.server(ctx)
		if err != nil {
			return false, err
		}
		gone := !slices.ContainsFunc(s.Status.Access.Matrix, func(r v1alpha1.AccessRow) bool { return r.Role == partnerSpace+"/west-sales" })
		return gone && int(s.Status.CurrentReplicas) == len(s.Status.Pods), nil
	})
}

// revoke measures from the change of the ToolAccess to the denial by every pod.
func (d *demo) revoke(ctx context.Context, result *Result) error {
	pods, err := d.podsOf(ctx, samplesSpace, v1alpha1.LabelServer, serverName)
	if err != nil {
		return err
	}
	token, err := d.login(ctx, "finance")
	if err != nil {
		return err
	}
	sessions := make([]*mcp.ClientSession, len(pods))
	for i, pod := range pods {
		if sessions[i], err = d.connect(ctx, pod, token); err != nil {
			return err
		}
		defer sessions[i].Close() //nolint:errcheck // stateless
		if a, err := call(ctx, sessions[i], "query_audit_log", nil); err != nil || a.Status != "ok" {
			return fmt.Errorf("before the change, %s answered %q, %v", pod, a.Error.Code, err) //nolint:errorlint // there may be no error
		}
	}
	began := time.Now()
	if err := d.auditors(ctx, []string{"executive", "admin"}); err != nil {
		return err
	}
	var group errgroup.Group
	for i := range sessions {
		group.Go(func() error {
			return until(ctx, "the denial by "+pods[i], 5*time.Millisecond, func(ctx context.Context) (bool, error) {
				a, err := call(ctx, sessions[i], "query_audit_log", nil)
				return err == nil && a.Error.Code == "ACCESS_DENIED", err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	result.RevokeMilliseconds = time.Since(began).Milliseconds()
	d.say("   query_audit_log taken away from finance; all %d pods deny it after %d ms", len(pods), result.RevokeMilliseconds)
	if err := d.granted(ctx, "finance", "main.gatehouse.tool_calls", false); err != nil {
		return err
	}
	d.say("   and its grant in Databricks is gone after %d ms", time.Since(began).Milliseconds())
	if err := d.auditors(ctx, []string{"executive", "finance", "admin"}); err != nil {
		return err
	}
	if err := d.granted(ctx, "finance", "main.gatehouse.tool_calls", true); err != nil {
		return err
	}
	d.say("   given back")
	return d.waitReady(ctx)
}

// unmask shows margins to managers by a change of the DataPolicy, and hides them again.
func (d *demo) unmask(ctx context.Context) error {
	session, err := d.sessionOf(ctx, "managers")
	if err != nil {
		return err
	}
	defer session.Close() //nolint:errcheck // stateless
	privileged := []string{"executives", "finance", "gatehouse_admins"}
	for _, step := range []struct {
		groups []string
		shown  bool
		words  string
	}{{append([]string{"sales_managers"}, privileged...), true, "the DataPolicy shows margins to managers; query_sales_data does after %d ms"}, {privileged, false, "and hides them again after %d ms"}} {
		began := time.Now()
		if err := d.visibleTo(ctx, step.groups); err != nil {
			return err
		}
		if err := until(ctx, "the change of an answer", 50*time.Millisecond, func(ctx context.Context) (bool, error) {
			a, err := call(ctx, session, "query_sales_data", nil)
			if err != nil || a.Status != "ok" || len(a.Rows) == 0 {
				return false, err
			}
			return (a.Rows[0]["margin_pct"] != nil) == step.shown, nil
		}); err != nil {
			return err
		}
		d.say("   "+step.words, time.Since(began).Milliseconds())
	}
	return d.waitReady(ctx)
}

// visibleTo says which groups see the margins.
func (d *demo) visibleTo(ctx context.Context, groups []string) error {
	policy := &v1alpha1.DataPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: samplesSpace, Name: "deals"}}
	change, err := json.Marshal([]replacement{{"test", "/spec/columnMasks/0/column", "margin_pct"}, {"replace", "/spec/columnMasks/0/visibleTo/groups", groups}})
	if err != nil {
		return err
	}
	return d.kube.Patch(ctx, policy, client.RawPatch(types.JSONPatchType, change))
}

// granted waits until the operator has seen in Databricks that a role may, or may
// not, select from a table.
func (d *demo) granted(ctx context.Context, name, table string, want bool) error {
	what := map[bool]string{true: "the grant", false: "the revocation"}[want]
	return until(ctx, what+" on "+table, 20*time.Millisecond, func(ctx context.Context) (bool, error) {
		var role v1alpha1.Role
		if err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: name}, &role); err != nil {
			return false, err
		}
		// Grants are what the tools call for, Applied what was granted and not yet taken away.
		has := func(list []v1alpha1.RoleGrant) bool {
			return slices.ContainsFunc(list, func(g v1alpha1.RoleGrant) bool { return g.Name == table && g.Privilege == "SELECT" })
		}
		return has(role.Status.Grants) == want && has(role.Status.Applied) == want, nil
	})
}

// auditors says which roles may call query_audit_log.
func (d *demo) auditors(ctx context.Context, names []string) error {
	var access v1alpha1.ToolAccess
	if err := d.kube.Get(ctx, types.NamespacedName{Namespace: samplesSpace, Name: "matrix"}, &access); err != nil {
		return err
	}
	i := slices.IndexFunc(access.Spec.Rules, func(r v1alpha1.AccessRule) bool { return r.Name == "auditors" })
	if i < 0 {
		return fmt.Errorf("the ToolAccess has no rule named auditors")
	}
	change, err := json.Marshal([]replacement{{"test", fmt.Sprintf("/spec/rules/%d/name", i), "auditors"}, {"replace", fmt.Sprintf("/spec/rules/%d/roles", i), names}})
	if err != nil {
		return err
	}
	return d.kube.Patch(ctx, &access, client.RawPatch(types.JSONPatchType, change))
}
