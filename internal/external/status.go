// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// patchStatus writes what changed in status since it was written last. One writer
// owns it and begins with its own last write: it needs no lock.
func (p *pass[O, I, S]) patchStatus(ctx context.Context) error {
	now, err := statusOf(p.obj)
	if err != nil {
		return err
	}
	if bytes.Equal(p.written, now) {
		return nil
	}
	patch, err := jsonpatch.CreateMergePatch(p.written, now)
	if err != nil {
		return fmt.Errorf("compare the status: %w", err)
	}
	if string(patch) == "{}" {
		return nil
	}
	// The response goes into a copy: it may carry a newer spec than this pass is about.
	response, ok := p.obj.DeepCopyObject().(O)
	if !ok {
		return fmt.Errorf("copy %T", p.obj)
	}
	if err := p.opts.Client.Status().Patch(ctx, response, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return err
	}
	p.obj.SetResourceVersion(response.GetResourceVersion())
	p.versions.record(p.obj)
	p.written = now
	return nil
}

// statusOf returns an object that holds the status alone.
func statusOf(obj client.Object) ([]byte, error) {
	raw, err := json.Marshal(obj)
	if err != nil {
		return nil, fmt.Errorf("encode the status: %w", err)
	}
	var only struct {
		Status json.RawMessage `json:"status,omitempty"`
	}
	if err := json.Unmarshal(raw, &only); err != nil {
		return nil, fmt.Errorf("encode the status: %w", err)
	}
	return json.Marshal(only)
}
