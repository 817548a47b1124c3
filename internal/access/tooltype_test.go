// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
)

func init() { access.TypesForTests = tooltype.All() }
