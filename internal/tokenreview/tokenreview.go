// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tokenreview asks the cluster whose a token is.
package tokenreview

import (
	"context"
	"fmt"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Reviewer asks the API server.
type Reviewer struct {
	client   kubernetes.Interface
	audience string
}

// InCluster makes a Reviewer from the pod's own service account, for tokens of one audience.
func InCluster(audience string) (*Reviewer, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("read the pod's service account: %w", err)
	}
	config.Timeout = 5 * time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client of the API server: %w", err)
	}
	return New(client, audience), nil
}

// New makes a Reviewer over a client.
func New(client kubernetes.Interface, audience string) *Reviewer {
	return &Reviewer{client: client, audience: audience}
}

// Review returns the user name of a valid token with the audience, and "" for any other.
func (r *Reviewer) Review(ctx context.Context, token string) (string, error) {
	review, err := r.client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{r.audience}},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("review a token: %w", err)
	}
	if !review.Status.Authenticated || !slices.Contains(review.Status.Audiences, r.audience) {
		return "", nil
	}
	return review.Status.User.Username, nil
}
