// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sealroot keeps the one secret that the operator's keys are derived from. It is
// a Secret of the operator's namespace, and is made when it is not there.
package sealroot

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

const (
	// Name is the name of the Secret.
	Name = "gatehouse-sealing-root"
	// Key is the key in it.
	Key = "root"
)

// Store is where the root is.
type Store struct {
	// Live reads past every cache.
	Live client.Reader
	// Writer creates the Secret.
	Writer client.Client
	// Namespace is the operator's.
	Namespace string
}

// Root returns the root, and makes it when it is not there.
func (st Store) Root(ctx context.Context) ([]byte, error) {
	name := types.NamespacedName{Namespace: st.Namespace, Name: Name}
	var s corev1.Secret
	err := st.Live.Get(ctx, name, &s)
	if apierrors.IsNotFound(err) {
		fresh := make([]byte, seal.RootSize)
		_, _ = rand.Read(fresh) // never fails: crypto/rand ends the program instead
		s = corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name.Name, Namespace: name.Namespace}, Data: map[string][]byte{Key: fresh}}
		if err = st.Writer.Create(ctx, &s); apierrors.IsAlreadyExists(err) {
			err = st.Live.Get(ctx, name, &s)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the Secret %s of the operator's namespace, which keys come from: %w", Name, err)
	}
	if len(s.Data[Key]) < seal.RootSize {
		return nil, fmt.Errorf("the Secret %s of the operator's namespace must have %d bytes or more in %s; delete it to have a new one made", Name, seal.RootSize, Key)
	}
	return s.Data[Key], nil
}
