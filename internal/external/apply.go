// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// applyStep records the intent of a step in status, applies the step and emits its event.
func (p *pass[O, I, S]) applyStep(ctx context.Context, in I, have S, step Step[S]) (S, error) {
	if p.kind.Intend != nil {
		p.kind.Intend(p.obj, have, step)
		if err := p.patchStatus(ctx); err != nil {
			return have, fmt.Errorf("record the intent to %s: %w", step, err)
		}
	}
	log.FromContext(ctx).Info("Writing", "verb", step.Verb, "target", step.Target)
	after, err := p.kind.Adapter.Apply(ctx, in, have, step)
	if err != nil {
		return after, fault.InWriting(string(step.Verb)+" "+step.Target, err)
	}
	p.opts.Recorder.Eventf(p.obj, nil, corev1.EventTypeNormal, step.Verb.past(), string(step.Verb), "%s", step.Target)
	return after, nil
}
