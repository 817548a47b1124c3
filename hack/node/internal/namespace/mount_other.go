// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package namespace

import "errors"

func mountPrivate(string) error { return errors.ErrUnsupported }

func unmount(string) error { return errors.ErrUnsupported }
