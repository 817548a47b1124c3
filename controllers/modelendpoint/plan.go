// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package modelendpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/external"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// busyAfter is when an endpoint that is being updated is looked at again.
const busyAfter = 15 * time.Second

// state is the configuration of one endpoint, as far as a ModelEndpoint is concerned.
type state struct {
	Endpoint string
	// Mark is, of a wanted state, ours; of an observed one, what the tag says.
	Mark     string
	Settings settings
	// Roles are the Roles that settings are about, by name of the setting.
	Roles map[string]string
	// Gone are, of a step, the settings that it takes away, and Next is where payload
	// logging, which it turns off, is to be turned on again.
	Gone []string
	Next string

	// Of a wanted state: Adopt says that what others have set is replaced, Rival why an
	// unmarked endpoint is another's, Unfinished what is missing when all of this is
	// there, and Waiting the Roles whose service principal is not known yet.
	Adopt      bool
	Rival      error
	Unfinished error
	Waiting    map[string]bool

	// Of an observed state: Ours is our mark, Stale says that the mark is of a
	// ModelEndpoint of ours that is gone, Missing that there is no such endpoint.
	Ours                 string
	Stale, Missing, Busy bool
	Recorded             []v1alpha1.AppliedSetting
	// Wanted are the settings that the spec asks for, for the report.
	Wanted settings
}

func (s state) recorded(name string) bool {
	return slices.ContainsFunc(s.Recorded, func(r v1alpha1.AppliedSetting) bool { return r.Name == name })
}

// Plan is pure.
func (adapter) Plan(want, have state) (external.Plan[state], error) { return planned(want, have) }

// planned is the writes that lead from one state to another: the mark first, and all
// settings in one. Payload logging is turned on last: whether its table can be had shows
// only then, and no limit waits for it.
func planned(want, have state) (external.Plan[state], error) {
	if want.Mark == "" {
		return removed(have), nil
	}
	switch {
	case have.Missing:
		return nil, fault.Waiting(v1alpha1.ReasonSecurableNotFound, fmt.Errorf("the serving endpoint %s does not exist, or the operator may not see it", want.Endpoint))
	case have.Mark != "" && have.Mark != want.Mark && !have.Stale:
		return nil, fault.Conflict(v1alpha1.ReasonConflict, fmt.Errorf("the serving endpoint %s carries the mark %q of another owner in its tag %s: it is not touched", want.Endpoint, have.Mark, tagKey))
	case have.Mark != want.Mark && want.Rival != nil:
		return nil, want.Rival
	}
	var out external.Plan[state]
	if have.Mark != want.Mark {
		out = append(out, external.Step[state]{
			Verb: external.Create, Target: "the mark of the serving endpoint " + want.Endpoint, Want: state{Endpoint: want.Endpoint, Mark: want.Mark},
			Diff: []external.Difference{{Path: "tag " + tagKey, Have: have.Mark, Want: want.Mark}},
		})
	}
	set, gone := settings{}, leftovers(want, have)
	var theirs []string
	for _, name := range slices.Sorted(maps.Keys(want.Settings)) {
		if _, there := have.Settings[name]; there && have.Mark != want.Mark && !have.recorded(name) {
			theirs = append(theirs, name)
		}
		if !have.Settings.same(name, want.Settings[name]) {
			set[name] = want.Settings[name]
		}
	}
	payloads, logged := set[inferenceTable]
	delete(set, inferenceTable)
	if len(set)+len(gone) > 0 {
		one := step(external.Update, want, set, gone)
		for _, name := range slices.Sorted(maps.Keys(set)) {
			one.Diff = append(one.Diff, difference(name, have.Settings[name], set[name]))
		}
		for _, name := range gone {
			one.Diff = append(one.Diff, difference(name, have.Settings[name], ""))
		}
		out = append(out, one)
	}
	if logged {
		out = append(out, logging(want, have.Settings[inferenceTable], payloads)...)
	}
	switch {
	case len(theirs) > 0 && !want.Adopt:
		return nil, fault.Conflict(v1alpha1.ReasonNotOurs, fmt.Errorf(
			"the serving endpoint %s has %s already, without a mark of ours; setting `adoption` to Adopt would do this: %s", want.Endpoint, strings.Join(theirs, ", "), out))
	case len(out) > 0 && have.Busy:
		return nil, fault.Progressing(v1alpha1.ReasonEndpointBusy, busyAfter, fmt.Errorf("the serving endpoint %s is being updated", want.Endpoint))
	case len(out) == 0:
		return nil, want.Unfinished
	}
	return out, nil
}

// logging turns payload logging on. It can be moved only while it is off.
func logging(about state, now, next string) external.Plan[state] {
	on := step(external.Update, about, settings{inferenceTable: next}, nil)
	on.Diff = []external.Difference{difference(inferenceTable, now, next)}
	if now == "" {
		return external.Plan[state]{on}
	}
	off := step(external.Update, about, nil, []string{inferenceTable})
	off.Want.Next = next
	off.Diff = []external.Difference{{Path: inferenceTable, Have: shown(now), Want: "off, to be moved"}}
	return external.Plan[state]{off, on}
}

// removed takes away what is ours, and the mark last. What carries the mark of
// another is not ours any more.
func removed(have state) external.Plan[state] {
	if have.Missing || have.Mark != "" && have.Mark != have.Ours {
		return nil
	}
	var out external.Plan[state]
	if gone := leftovers(state{}, have); len(gone) > 0 {
		one := step(external.Delete, have, nil, gone)
		for _, name := range gone {
			one.Diff = append(one.Diff, difference(name, have.Settings[name], ""))
		}
		out = append(out, one)
	}
	if have.Mark != "" {
		out = append(out, external.Step[state]{Verb: external.Delete, Target: "the mark of the serving endpoint " + have.Endpoint, Want: state{Endpoint: have.Endpoint, Mark: have.Mark}})
	}
	return out
}

func step(verb external.Verb, about state, set settings, gone []string) external.Step[state] {
	roles := map[string]string{}
	for name := range set {
		if r := about.Roles[name]; r != "" {
			roles[name] = r
		}
	}
	return external.Step[state]{Verb: verb, Target: "the AI Gateway of the serving endpoint " + about.Endpoint, Want: state{Endpoint: about.Endpoint, Settings: set, Roles: roles, Gone: gone}}
}

// leftovers are the settings that are ours and no longer wanted. The limit of a Role
// whose service principal is not known stays: it is not known to be another's.
func leftovers(want, have state) []string {
	var out []string
	for _, r := range have.Recorded {
		_, wanted := want.Settings[r.Name]
		if _, there := have.Settings[r.Name]; there && !wanted && (r.Role == "" || !want.Waiting[r.Role]) {
			out = append(out, r.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func difference(name, have, want string) external.Difference {
	return external.Difference{Path: name, Have: listed(name, have), Want: listed(name, want)}
}

// listed shows a value. Words are counted and not shown: a plan can end in a log, and
// what is not to be said can itself be a secret.
func listed(name, value string) string {
	if value != "" && (strings.HasSuffix(name, "/invalid_keywords") || strings.HasSuffix(name, "/valid_topics")) {
		sum := sha256.Sum256([]byte(value))
		return fmt.Sprintf("%d of them, %s", strings.Count(value, `","`)+1, hex.EncodeToString(sum[:3]))
	}
	return shown(value)
}

func shown(value string) string { return strings.ReplaceAll(value, `"`, "") }
