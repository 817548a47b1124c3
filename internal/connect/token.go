// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"errors"
	"os"
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// OperatorToken reads the operator's projected service account token, which the kubelet
// rotates. It is there for Workspaces with a client secret too, if the operator was
// started with one; without it the fault says how to have it.
func (c *Connector) OperatorToken() (wire.Secret, error) {
	if c.opts.TokenFile == "" {
		return "", fault.Denied(v1alpha1.ReasonCredentialNotFound, errors.New("the operator has no projected token: start it with --databricks-token-file"))
	}
	raw, err := os.ReadFile(c.opts.TokenFile)
	if err != nil {
		return "", fault.Transient(v1alpha1.ReasonCredentialNotFound, errors.New("the operator's projected token cannot be read"))
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		return "", fault.Transient(v1alpha1.ReasonCredentialNotFound, errors.New("the operator's projected token is empty"))
	}
	return wire.Secret(token), nil
}
