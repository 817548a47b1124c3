// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Client is a client that asks check before each write to the cluster, and reads as it
// did. Check is a Fence's.
func Client(c client.Client, check func() error) client.Client { return fenced{c, check} }

type fenced struct {
	client.Client
	check func() error
}

func (f fenced) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.Client.Create(ctx, obj, opts...)
}

func (f fenced) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.Client.Delete(ctx, obj, opts...)
}

func (f fenced) DeleteAllOf(ctx context.Context, obj client.Object, opts ...client.DeleteAllOfOption) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.Client.DeleteAllOf(ctx, obj, opts...)
}

func (f fenced) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.Client.Update(ctx, obj, opts...)
}

func (f fenced) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.Client.Patch(ctx, obj, patch, opts...)
}

func (f fenced) Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.Client.Apply(ctx, obj, opts...)
}

func (f fenced) Status() client.SubResourceWriter { return f.SubResource("status") }

func (f fenced) SubResource(name string) client.SubResourceClient {
	return fencedPart{f.Client.SubResource(name), f.check}
}

type fencedPart struct {
	client.SubResourceClient
	check func() error
}

func (f fencedPart) Create(ctx context.Context, obj, part client.Object, opts ...client.SubResourceCreateOption) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.SubResourceClient.Create(ctx, obj, part, opts...)
}

func (f fencedPart) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.SubResourceClient.Update(ctx, obj, opts...)
}

func (f fencedPart) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.SubResourceClient.Patch(ctx, obj, patch, opts...)
}

func (f fencedPart) Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
	if err := f.check(); err != nil {
		return err
	}
	return f.SubResourceClient.Apply(ctx, obj, opts...)
}
