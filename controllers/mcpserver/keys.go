// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
	"github.com/gatehouse-dev/gatehouse/internal/sealroot"
)

const (
	// keysType is the type of the Secrets with sealing keys. A type cannot change, so that
	// no Secret of somebody else can be overwritten by one of ours.
	keysType = corev1.SecretType("gatehouse.dev/sealing-keys")
	// keyPeriod is how long a key seals; handleLifetime is that of conversations.
	keyPeriod, handleLifetime = 24 * time.Hour, time.Hour
	// stuckAfter is how long a pod may take to start before its Secret is written again.
	stuckAfter = 30 * time.Second
)

// sealing is what a pass knows of the sealing keys.
type sealing struct {
	keys        map[string][]byte
	ids         []string
	fingerprint string
	// present says that the Secret was written, in this pass or by the record in status.
	// The operator may write Secrets outside of its namespace and may not read them.
	present *bool
}

// sealingKeys derives the keys of a server. The root is made when it is not there:
// without it, conversations begin anew and nothing else is lost.
func (a adapter) sealingKeys(ctx context.Context, s *v1alpha1.MCPServer) (sealing, error) {
	root, err := sealroot.Store{Live: a.live, Writer: a.writer, Namespace: a.namespace}.Root(ctx)
	if err != nil {
		return sealing{}, err
	}
	// The UID keeps a server that is made again from opening what its predecessor sealed.
	keys, err := seal.Derive(root, access.Key(s)+"\x00"+string(s.UID), a.now(), keyPeriod, handleLifetime)
	if err != nil {
		return sealing{}, fmt.Errorf("derive the sealing keys: %w", err)
	}
	out := sealing{keys: keys, ids: slices.Sorted(maps.Keys(keys)), fingerprint: fingerprint(keys)}
	recorded := s.Status.SealingKeys
	out.present = new(recorded.Fingerprint == out.fingerprint && slices.Equal(recorded.IDs, out.ids))
	return out, nil
}

// fingerprint tells one set of keys from another.
func fingerprint(keys map[string][]byte) string {
	sum := sha256.New()
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		sum.Write([]byte(id))
		sum.Write(keys[id])
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// keysName is the name of a server's Secret.
func keysName(s *v1alpha1.MCPServer) string { return s.Name + "-sealing-keys" }

func keysSecret(s *v1alpha1.MCPServer, k sealing) *corev1.Secret {
	m := meta(s)
	m.Name = keysName(s)
	return &corev1.Secret{ObjectMeta: m, Type: keysType, Data: k.keys}
}

// observedKeys is the Secret as far as it can be known without reading it.
func observedKeys(s *v1alpha1.MCPServer, k sealing) *object {
	switch {
	case *k.present:
		return &object{Kind: kindSecret, Name: keysName(s), Value: keysSecret(s, k)}
	case len(s.Status.SealingKeys.IDs) > 0:
		return &object{Kind: kindSecret, Name: keysName(s), Value: keysSecret(s, sealing{})} // older keys
	}
	return nil
}

// doubtKeys has the Secret written again, not more often than a pod is given to start.
func (a adapter) doubtKeys(in input) {
	if in.sealing.keys == nil || !*in.sealing.present {
		return
	}
	last, _ := a.rewrites.Load(in.server.UID)
	if at, ok := last.(time.Time); ok && a.now().Sub(at) < stuckAfter {
		return
	}
	a.rewrites.Store(in.server.UID, a.now())
	*in.sealing.present = false
}

// stuck says whether a pod does not start, as one does whose Secret was removed.
func stuck(p corev1.Pod, now time.Time) bool {
	started := slices.ContainsFunc(p.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.State.Waiting == nil || c.RestartCount > 0 })
	return !started && now.Sub(p.CreationTimestamp.Time) > stuckAfter
}
