// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Principal is a service principal or a user. Users have no ApplicationID.
type Principal struct {
	ID            string `json:"id"`
	ApplicationID string `json:"applicationId,omitempty"`
	UserName      string `json:"userName,omitempty"`
	DisplayName   string `json:"displayName"`
	ExternalID    string `json:"externalId,omitempty"`
	Active        bool   `json:"active"`
	// AccountAdmin may administer the account.
	AccountAdmin bool `json:"accountAdmin,omitempty"`
	// Secrets are the hashes of OAuth secrets.
	Secrets  []Secret `json:"secrets,omitempty"`
	Policies []Policy `json:"policies,omitempty"`
}

// Name is how grants and SQL name the principal.
func (p Principal) Name() string {
	if p.ApplicationID != "" {
		return p.ApplicationID
	}
	return p.UserName
}

// Secret is an OAuth secret, of which only the hash is kept.
type Secret struct {
	ID   string `json:"id"`
	Hash string `json:"secret_hash"`
}

// Policy is a federation policy of a service principal.
type Policy struct {
	PolicyID    string     `json:"policy_id"`
	UID         string     `json:"uid"`
	Description string     `json:"description,omitempty"`
	CreateTime  time.Time  `json:"create_time"`
	UpdateTime  time.Time  `json:"update_time"`
	OIDC        OIDCPolicy `json:"oidc_policy"`
}

// OIDCPolicy is what a JWT is held against.
type OIDCPolicy struct {
	Issuer       string   `json:"issuer,omitempty"`
	Audiences    []string `json:"audiences,omitempty"`
	Subject      string   `json:"subject,omitempty"`
	SubjectClaim string   `json:"subject_claim,omitempty"`
	JWKSJSON     string   `json:"jwks_json,omitempty"`
	JWKSURI      string   `json:"jwks_uri,omitempty"`
}

// Group is an account group. Members are numeric ids of principals and groups.
type Group struct {
	ID          string   `json:"id"`
	DisplayName string   `json:"displayName"`
	ExternalID  string   `json:"externalId,omitempty"`
	Members     []string `json:"members,omitempty"`
}

// state is all that is kept over a restart.
type state struct {
	Next        int64                `json:"next"`
	Principals  map[string]Principal `json:"principals"`
	Groups      map[string]Group     `json:"groups"`
	Assignments map[string][]string  `json:"assignments"` // principal or group id to USER, ADMIN
}

// Store keeps identities. It is safe for concurrent use.
type Store struct {
	mu   sync.RWMutex
	file string // empty: nothing is kept over a restart
	s    state
	lag  time.Duration
	born map[string]time.Time
}

// Lag has SCIM reads see what is created only after a while, as those of Databricks can.
func (st *Store) Lag(d time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.lag = d
}

// visible says whether SCIM reads see an id yet. The caller holds the lock.
func (st *Store) visible(id string) bool {
	born, known := st.born[id]
	return !known || time.Since(born) >= st.lag
}

// Open reads the store of a folder, or makes an empty one.
func Open(dir string) (*Store, error) {
	st := &Store{born: map[string]time.Time{}, s: state{Next: 1_000_000_000, Principals: map[string]Principal{}, Groups: map[string]Group{}, Assignments: map[string][]string{}}}
	if dir == "" {
		return st, nil
	}
	st.file = filepath.Join(dir, "identity.json")
	raw, err := os.ReadFile(st.file)
	if errors.Is(err, os.ErrNotExist) {
		return st, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the identities: %w", err)
	}
	if err := json.Unmarshal(raw, &st.s); err != nil {
		return nil, fmt.Errorf("read the identities: %w", err)
	}
	return st, nil
}

// save writes the state in one step. The caller holds the lock.
func (st *Store) save() error {
	if st.file == "" {
		return nil
	}
	raw, err := json.MarshalIndent(st.s, "", " ")
	if err != nil {
		return err
	}
	tmp := st.file + ".tmp"
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		return fmt.Errorf("keep the identities: %w", err)
	}
	return os.Rename(tmp, st.file)
}

// change runs f under the lock and keeps what it did.
func (st *Store) change(f func(*state) error) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := f(&st.s); err != nil {
		return err
	}
	return st.save()
}

func (s *state) newID() string {
	s.Next++
	return strconv.FormatInt(s.Next, 10)
}

// principal finds by application id or user name.
func (s *state) principal(name string) (Principal, bool) {
	for _, p := range s.Principals {
		if p.Name() == name && name != "" {
			return p, true
		}
	}
	return Principal{}, false
}

// Find returns a principal by its application id or user name.
func (st *Store) Find(name string) (Principal, bool) {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.s.principal(name)
}

// groupIDs returns the ids of the groups that an id is a member of, directly or nested.
func (s *state) groupIDs(id string) map[string]bool {
	found := map[string]bool{}
	for todo := []string{id}; len(todo) > 0; todo = todo[1:] {
		for gid, g := range s.Groups {
			if !found[gid] && slices.Contains(g.Members, todo[0]) {
				found[gid] = true
				todo = append(todo, gid)
			}
		}
	}
	return found
}

// GroupsOf returns the names of a principal's account groups, nested ones too, sorted.
func (st *Store) GroupsOf(principal string) []string {
	st.mu.RLock()
	defer st.mu.RUnlock()
	p, ok := st.s.principal(principal)
	if !ok {
		return nil
	}
	var out []string
	for gid := range st.s.groupIDs(p.ID) {
		out = append(out, st.s.Groups[gid].DisplayName)
	}
	slices.Sort(out)
	return out
}

// WorkspaceGroupsOf returns the account groups that are also assigned to the
// workspace: what is_member() sees, in the reading of Databricks' own pages.
func (st *Store) WorkspaceGroupsOf(principal string) []string {
	st.mu.RLock()
	defer st.mu.RUnlock()
	p, ok := st.s.principal(principal)
	if !ok {
		return nil
	}
	var out []string
	for gid := range st.s.groupIDs(p.ID) {
		if len(st.s.Assignments[gid]) > 0 {
			out = append(out, st.s.Groups[gid].DisplayName)
		}
	}
	slices.Sort(out)
	return out
}

// PrincipalExists says whether a name can hold a grant.
func (st *Store) PrincipalExists(name string) bool {
	if name == "account users" {
		return true
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	if _, ok := st.s.principal(name); ok {
		return true
	}
	for _, g := range st.s.Groups {
		if g.DisplayName == name {
			return true
		}
	}
	return false
}

// IsAdmin says whether a principal administers the workspace and its metastore.
func (st *Store) IsAdmin(principal string) bool {
	st.mu.RLock()
	defer st.mu.RUnlock()
	p, ok := st.s.principal(principal)
	return ok && (p.AccountAdmin || slices.Contains(st.s.permissions(p.ID), "ADMIN"))
}

// AssignedToWorkspace says whether a principal may use the workspace, by an
// assignment of its own or of a group.
func (st *Store) AssignedToWorkspace(principal string) bool {
	st.mu.RLock()
	defer st.mu.RUnlock()
	p, ok := st.s.principal(principal)
	return ok && len(st.s.permissions(p.ID)) > 0
}

func (s *state) permissions(id string) []string {
	out := slices.Clone(s.Assignments[id])
	for gid := range s.groupIDs(id) {
		out = append(out, s.Assignments[gid]...)
	}
	return out
}

// CheckSecret says whether a secret is one of the service principal's.
func (st *Store) CheckSecret(applicationID, secret string) bool {
	p, ok := st.Find(applicationID)
	if !ok || !p.Active || p.ApplicationID == "" {
		return false
	}
	got := hash(secret)
	for _, s := range p.Secrets {
		if subtle.ConstantTimeCompare([]byte(s.Hash), []byte(got)) == 1 {
			return true
		}
	}
	return false
}

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func newSecret() string { return "dose" + strings.ToLower(rand.Text()) }

// Seed is a principal that exists from the start.
type Seed struct {
	DisplayName   string
	ApplicationID string
	UserName      string
	AccountAdmin  bool
	// Workspace is USER, ADMIN or empty.
	Workspace string
	Secret    string
	Policies  []OIDCPolicy
	Groups    []string
}

// Plant makes sure that a seed exists as described; running twice changes nothing.
func (st *Store) Plant(seed Seed) error {
	return st.change(func(s *state) error {
		name := seed.ApplicationID
		if name == "" {
			name = seed.UserName
		}
		if name == "" {
			return errors.New("a seed needs an application id or a user name")
		}
		p, ok := s.principal(name)
		if !ok {
			p = Principal{ID: s.newID(), ApplicationID: seed.ApplicationID, UserName: seed.UserName}
		}
		p.DisplayName, p.Active, p.AccountAdmin = seed.DisplayName, true, seed.AccountAdmin
		p.Secrets = nil
		if seed.Secret != "" {
			p.Secrets = []Secret{{ID: "bootstrap", Hash: hash(seed.Secret)}}
		}
		p.Policies = nil
		for i, o := range seed.Policies {
			p.Policies = append(p.Policies, Policy{PolicyID: "bootstrap-" + strconv.Itoa(i), UID: uuid.NewString(), OIDC: o})
		}
		s.Principals[p.ID] = p
		if seed.Workspace != "" {
			s.Assignments[p.ID] = []string{seed.Workspace}
		}
		for _, g := range seed.Groups {
			s.plantGroup(g, p.ID)
		}
		return nil
	})
}

func (s *state) plantGroup(name, member string) {
	for id, g := range s.Groups {
		if g.DisplayName == name {
			if member != "" && !slices.Contains(g.Members, member) {
				g.Members = append(g.Members, member)
				s.Groups[id] = g
			}
			return
		}
	}
	g := Group{ID: s.newID(), DisplayName: name}
	if member != "" {
		g.Members = []string{member}
	}
	s.Groups[g.ID] = g
}

// Dump is the state for tests, without secrets.
func (st *Store) Dump() any {
	st.mu.RLock()
	defer st.mu.RUnlock()
	raw, err := json.Marshal(st.s)
	if err != nil {
		return nil
	}
	var copied state
	if json.Unmarshal(raw, &copied) != nil {
		return nil
	}
	for id, p := range copied.Principals {
		p.Secrets = nil
		copied.Principals[id] = p
	}
	return copied
}

// PlantGroup makes sure that an account group exists.
func (st *Store) PlantGroup(name string) error {
	return st.change(func(s *state) error {
		s.plantGroup(name, "")
		return nil
	})
}

// DisplayName is what people call a principal, or empty.
func (st *Store) DisplayName(principal string) string {
	p, _ := st.Find(principal)
	return p.DisplayName
}
