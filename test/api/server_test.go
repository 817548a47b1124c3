// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/test/env"
)

// TestMain lets the tests share one API server.
func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

// server returns a client that writes into the namespace default and refuses unknown
// fields, and one that does the same as a dry run.
func server(t *testing.T) (writes, dry client.Client) {
	t.Helper()
	_, c := env.Cluster(t)
	writes = client.WithFieldValidation(client.NewNamespacedClient(c, metav1.NamespaceDefault), metav1.FieldValidationStrict)
	return writes, client.NewDryRunClient(writes)
}

// remove deletes an object when the test ends.
func remove(t *testing.T, c client.Client, o object) {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Delete(context.WithoutCancel(t.Context()), o); err != nil {
			t.Error(err)
		}
	})
}

// attempt is an object for the API server, and its answer.
type attempt struct {
	object
	update bool // else create
	err    error
}

// try sends all attempts as dry runs, several at a time, and keeps the answers.
func try(ctx context.Context, dry client.Client, attempts []*attempt) {
	var group errgroup.Group
	group.SetLimit(8)
	for _, a := range attempts {
		group.Go(func() error {
			if o := a.DeepCopy(); a.update {
				a.err = dry.Update(ctx, o)
			} else {
				a.err = dry.Create(ctx, o)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in the attempts
}

// causes are the fields that the API server refuses, and why. An object that is refused
// for another reason than its fields has none.
func causes(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsInvalid(err) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}

// refusedAt says whether an object is refused for one field with one message.
func refusedAt(err error, field, message string) bool {
	for _, cause := range causes(err) {
		if cause.Field == field && strings.Contains(cause.Message, message) {
			return true
		}
	}
	return false
}
