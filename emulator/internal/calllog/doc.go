// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package calllog records every call that the emulator answered: who, what and
// with which result, never bodies or credentials.
package calllog
