// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package orphan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/internal/external"
)

const (
	// longestEntry bounds one inventory, and longestAll the ConfigMap, which holds one MiB.
	longestEntry, longestAll = 256 << 10, 768 << 10
	// longestKey is how long a key of a ConfigMap may be.
	longestKey = 253
	// mostEarlier bounds what is kept of earlier resources of the same name.
	mostEarlier = 256
	// droppedKey says what was dropped to make room. No inventory has it: their keys have dots.
	droppedKey = "DROPPED"
)

// entry is one inventory as the ConfigMap has it.
type entry struct {
	Time      time.Time `json:"time"`
	UID       string    `json:"uid,omitempty"`
	Workspace string    `json:"workspace"`
	Reason    string    `json:"reason"`
	Lines     []string  `json:"lines"`
	// Earlier are the lines of earlier resources of the same name.
	Earlier []string `json:"earlier,omitempty"`
}

// dropped is what is known of inventories that are not there any more.
type dropped struct {
	Note  string    `json:"note"`
	Count int       `json:"count"`
	Last  string    `json:"last"`
	Time  time.Time `json:"time"`
}

// key is that of the inventory of a resource. Names of resources have no other
// characters than keys may have, and namespaces no dots.
func key(r external.Orphaned) string {
	full := strings.ToLower(r.Kind) + "." + r.Namespace + "." + r.Name
	if len(full) <= longestKey {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	end := "--" + hex.EncodeToString(sum[:8])
	return full[:longestKey-len(end)] + end
}

// with adds an inventory to the content of the ConfigMap, and says whether that changed it.
func with(data map[string]string, r external.Orphaned) (out map[string]string, news bool) {
	if data == nil {
		data = map[string]string{}
	}
	k := key(r)
	now := entry{Time: r.At, UID: string(r.UID), Workspace: r.Workspace, Reason: r.Reason, Lines: r.Lines}
	if old, ok := parsed(data[k]); ok {
		now.Earlier = old.Earlier
		if old.UID != now.UID {
			now.Earlier = append(now.Earlier, old.told()...)
			now.Earlier = now.Earlier[max(0, len(now.Earlier)-mostEarlier):]
		} else {
			now.Time = old.Time // written before a crash
		}
	}
	text := now.text()
	if data[k] == text {
		return data, false
	}
	data[k] = text
	room(data, k)
	return data, true
}

// told are the lines of an entry as a later one of the same name keeps them.
func (e entry) told() []string {
	var out []string
	for _, l := range e.Lines {
		out = append(out, fmt.Sprintf("%s %s: %s", e.Time.Format(time.RFC3339), e.Workspace, l))
	}
	return out
}

// text is an entry as YAML, no longer than it may be: what is earlier goes first.
func (e entry) text() string {
	out := encoded(e)
	if len(out) > longestEntry {
		e.Earlier = nil
		out = encoded(e)
	}
	for all, keep := len(e.Lines), len(e.Lines); len(out) > longestEntry && keep > 0; {
		keep -= keep/8 + 1
		short := e
		short.Lines = append(slices.Clone(e.Lines[:keep]), fmt.Sprintf("and %d more", all-keep))
		out = encoded(short)
	}
	return out
}

func encoded(v any) string {
	raw, _ := yaml.Marshal(v) // texts, numbers and times always encode
	return string(raw)
}

func parsed(text string) (entry, bool) {
	var e entry
	return e, text != "" && yaml.Unmarshal([]byte(text), &e) == nil
}

// room drops the oldest inventories until the rest fits, but not the new one, and says so.
func room(data map[string]string, newest string) {
	size := 512 // what says that some were dropped
	type old struct {
		key string
		at  time.Time
	}
	var all []old
	for k, v := range data {
		size += len(k) + len(v)
		if k == newest || k == droppedKey {
			continue
		}
		e, _ := parsed(v)
		all = append(all, old{k, e.Time})
	}
	slices.SortFunc(all, func(a, b old) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.key, b.key)) })
	for _, o := range all {
		if size <= longestAll {
			return
		}
		size -= len(o.key) + len(data[o.key])
		delete(data, o.key)
		var d dropped
		_ = yaml.Unmarshal([]byte(data[droppedKey]), &d) // one that cannot be read is begun anew
		data[droppedKey] = encoded(dropped{Note: "the oldest inventories were dropped to make room", Count: d.Count + 1, Last: o.key, Time: o.at})
	}
}
