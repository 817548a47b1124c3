// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/admin"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

// secretRef is the Secret that a Connection names.
func secretRef(s v1alpha1.ConnectionSpec) v1alpha1.SecretKeyReference {
	if s.OAuthM2M != nil {
		return s.OAuthM2M.ClientSecretRef
	}
	if s.BearerToken != nil {
		return s.BearerToken.SecretRef
	}
	return v1alpha1.SecretKeyReference{}
}

// secret reads the credential, past the cache and from the namespace of the Connection.
func (a adapter) secret(ctx context.Context, c *v1alpha1.Connection) (wire.Secret, error) {
	ref := secretRef(c.Spec)
	var s corev1.Secret
	err := a.live.Get(ctx, types.NamespacedName{Namespace: c.Namespace, Name: ref.Name}, &s)
	a.versions.note(c.UID, versionOf(&s, err))
	switch {
	case apierrors.IsForbidden(err):
		return "", fault.Waiting(v1alpha1.ReasonCredentialNotReadable, fmt.Errorf(
			"the operator may not read the Secret %[1]s of the namespace %[2]s, to which its team must agree: "+
				"kubectl -n %[2]s create role gatehouse-connection-%[3]s --verb=get --resource=secrets --resource-name=%[1]s && "+
				"kubectl -n %[2]s create rolebinding gatehouse-connection-%[3]s --role=gatehouse-connection-%[3]s --user=%[4]s", ref.Name, c.Namespace, c.Name, a.OperatorName))
	case apierrors.IsNotFound(err):
		return "", fault.Waiting(v1alpha1.ReasonCredentialNotFound, fmt.Errorf("the Secret %s of the namespace %s does not exist", ref.Name, c.Namespace))
	case err != nil:
		return "", fmt.Errorf("read the Secret %s of the namespace %s: %w", ref.Name, c.Namespace, err)
	}
	if s.Type != corev1.SecretTypeOpaque && s.Type != "" && s.Type != corev1.SecretTypeBasicAuth {
		return "", fault.Invalid(v1alpha1.ReasonInvalid, fmt.Errorf("the Secret %s is of the type %s, which is for something else: put the credential into one of the type Opaque", ref.Name, s.Type))
	}
	raw, ok := s.Data[ref.Key]
	if !ok {
		return "", fault.Waiting(v1alpha1.ReasonCredentialNotFound, fmt.Errorf("the Secret %s of the namespace %s has no key %s", ref.Name, c.Namespace, ref.Key))
	}
	value, problem := credential(string(raw))
	if problem != "" {
		return "", fault.Invalid(v1alpha1.ReasonInvalid, fmt.Errorf("the value of %s in the Secret %s %s", ref.Key, ref.Name, problem))
	}
	return value, nil
}

// credential is the value of a Secret without the line break that `echo` puts behind it,
// or what is wrong with it, which never repeats it.
func credential(raw string) (value wire.Secret, problem string) {
	raw = strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r")
	switch {
	case raw == "":
		return "", "must not be empty"
	case !utf8.ValidString(raw):
		return "", "must be text"
	case strings.ContainsFunc(raw, unicode.IsControl):
		return "", "must not contain line breaks or other control characters"
	}
	return wire.Secret(raw), ""
}

// fingerprint tells one credential of a Connection from another. It differs between
// Connections, so that it does not show which have the same one.
func (a adapter) fingerprint(ctx context.Context, c *v1alpha1.Connection, s wire.Secret) (string, error) {
	root, err := a.root.Root(ctx)
	if err != nil {
		return "", err
	}
	kind := admin.OptionBearerToken
	if c.Spec.OAuthM2M != nil {
		kind = admin.OptionClientSecret
	}
	return seal.Fingerprint(root, "connection\x00"+access.Key(c), kind, s.Reveal())
}
