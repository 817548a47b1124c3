// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/conditions"
)

const (
	// auditTimeout bounds one comparison, and auditRetry is when one is made again that did not find
	// everything as declared: what it found may be on its way already.
	auditTimeout, auditRetry = 3 * time.Minute, 30 * time.Second
	// auditSettle lets what just changed be granted before it is looked at.
	auditSettle = time.Second
	// mostFindings is how many cells of a kind the status shows.
	mostFindings = 256
)

// audits compare the matrices of servers with Databricks, beside the passes: none waits
// for one, and what was found stays until something else is.
type audits struct {
	read func(ctx context.Context, workspace string, a access.Audit) access.Effective
	now  func() time.Time
	// changed are servers for which something else was found.
	changed chan event.GenericEvent

	mu      sync.Mutex
	entries map[types.UID]*audited
}

// audited is what is known of a server.
type audited struct {
	found   *v1alpha1.EnforcementStatus // nil: nothing yet
	subject string                      // what was compared, or is being
	wanted  string                      // what was asked for last
	due     time.Time
	running bool
	used    time.Time
}

func newAudits(read func(ctx context.Context, workspace string, a access.Audit) access.Effective) *audits {
	return &audits{read: read, now: time.Now, changed: make(chan event.GenericEvent, 64), entries: map[types.UID]*audited{}}
}

// of returns what was found of a server, nil before anything was, and has it compared
// anew when something about it changed, when it was asked for, or when it is old.
func (l *audits) of(ctx context.Context, s *v1alpha1.MCPServer, a access.Audit, evidence string, every time.Duration) *v1alpha1.EnforcementStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[s.UID]
	if e == nil {
		e = &audited{used: l.now()}
		l.entries[s.UID] = e
		l.forget()
	}
	e.used = l.now()
	subject := evidence + s.Annotations[v1alpha1.AnnotationReconcileRequestedAt]
	e.wanted = subject
	if !e.running && (subject != e.subject || !l.now().Before(e.due)) {
		e.running, e.subject = true, subject
		go l.compare(context.WithoutCancel(ctx), s.DeepCopy(), a, every)
	}
	return e.found
}

// forget drops what was found of servers that nobody asked for in a day: they are gone.
func (l *audits) forget() {
	for uid, e := range l.entries {
		if !e.running && l.now().Sub(e.used) > 24*time.Hour {
			delete(l.entries, uid)
		}
	}
}

// compare makes one comparison, and asks for a pass when it found something else, or
// when what it compared is not what is declared any more.
func (l *audits) compare(ctx context.Context, s *v1alpha1.MCPServer, a access.Audit, every time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	time.Sleep(auditSettle)
	result := a.Compare(l.read(ctx, s.Spec.WorkspaceRef.Name, a))
	next := statusOf(result)
	l.mu.Lock()
	e := l.entries[s.UID]
	e.running, e.due = false, l.now().Add(every)
	if !clean(next) {
		e.due = l.now().Add(min(auditRetry, every))
	}
	before := e.found
	if before == nil {
		before = s.Status.Enforcement // of an earlier operator
	}
	if before != nil {
		next.CheckedAt = before.CheckedAt
	}
	if !reflect.DeepEqual(before, next) {
		next.CheckedAt = &metav1.Time{Time: l.now().UTC().Truncate(time.Second)}
	}
	news := e.found == nil || !reflect.DeepEqual(e.found, next) || e.wanted != e.subject
	e.found = next
	l.mu.Unlock()
	if !news {
		return
	}
	select {
	case l.changed <- event.GenericEvent{Object: s}:
	case <-ctx.Done():
	}
}

// evidence is everything that a comparison depends on and the cluster knows of.
func evidence(e access.Inventory, d access.Document) string {
	type held struct {
		ID       string
		Grants   []v1alpha1.RoleGrant
		Groups   []v1alpha1.RoleGroup
		LastSync *v1alpha1.SyncRecord // another one once drift was repaired
	}
	all := map[string]held{}
	for i := range e.Roles {
		if r := &e.Roles[i]; d.Roles[access.Key(r)].ApplicationID != "" {
			all[access.Key(r)] = held{r.Status.ServicePrincipal.ID, r.Status.Grants, r.Status.Groups, r.Status.LastSync}
		}
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return d.Hash
	}
	return d.Hash + string(raw)
}

// clean says that everything was found as declared.
func clean(s *v1alpha1.EnforcementStatus) bool {
	return s != nil && len(s.Open)+len(s.Missing)+len(s.Unknown) == 0
}

func statusOf(f access.Enforcement) *v1alpha1.EnforcementStatus {
	out := &v1alpha1.EnforcementStatus{Granted: int32(f.Granted), Enforced: int32(f.Enforced), Open: shown(f.Open), Missing: shown(f.Missing), Unknown: shown(f.Unknown)}
	for _, m := range f.MatrixOnly[:min(len(f.MatrixOnly), mostFindings)] {
		out.MatrixOnly = append(out.MatrixOnly, m.Role+" "+m.Tool)
	}
	return out
}

func shown(list []access.Finding) []v1alpha1.CellFinding {
	var out []v1alpha1.CellFinding
	for _, f := range list[:min(len(list), mostFindings)] {
		because := f.Because
		if len(because) > 1024 {
			because = strings.ToValidUTF8(because[:1021], "") + "..."
		}
		out = append(out, v1alpha1.CellFinding{Role: f.Role, Tool: f.Tool, Because: because, ScopesLacking: f.Lacking})
	}
	return out
}

// enforced is the condition that an EnforcementStatus makes.
func enforced(s *v1alpha1.EnforcementStatus) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionMatrixEnforced, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonEnforced}
	cells := func(list []v1alpha1.CellFinding) string {
		lines := make([]string, len(list))
		for i, f := range list {
			lines[i] = fmt.Sprintf("%s %s (%s)", f.Role, f.Tool, f.Because)
			if len(f.ScopesLacking) > 0 {
				lines[i] += ", stopped in the server by the scopes " + strings.Join(f.ScopesLacking, ", ") + " that its tokens lack"
			}
		}
		return strings.Join(lines, "; ")
	}
	counts := fmt.Sprintf("Of the cells that say yes %d have all grants; of those that say no Databricks refuses %d by itself and %d are kept by the matrix only",
		s.Granted, s.Enforced, len(s.MatrixOnly))
	if len(s.MatrixOnly) > 0 {
		counts += ", because other tools of the role need the same: " + strings.Join(s.MatrixOnly, "; ")
	}
	switch {
	case len(s.Open) > 0:
		c.Status, c.Reason = metav1.ConditionFalse, v1alpha1.ReasonOpen
		c.Message = "Grants from elsewhere open cells that say no: " + cells(s.Open) + ". " + counts
		if len(s.Missing) > 0 {
			c.Message = "Grants from elsewhere open cells that say no: " + cells(s.Open) + ". Grants are missing: " + cells(s.Missing) + ". " + counts
		}
	case len(s.Missing) > 0:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, v1alpha1.ReasonGrantMissing, "Grants are missing: "+cells(s.Missing)+". "+counts
	case len(s.Unknown) > 0:
		c.Status, c.Reason, c.Message = metav1.ConditionUnknown, v1alpha1.ReasonNotRead, "Not everything could be read: "+cells(s.Unknown)+". "+counts
	default:
		c.Message = counts
	}
	c.Message = conditions.Short(c.Message)
	return c
}
