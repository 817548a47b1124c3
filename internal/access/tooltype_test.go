// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/access"
	"github.com/gatehouse-dev/gatehouse/internal/tooltype"
)

func TestMain(m *testing.M) {
	access.TypesForTests = tooltype.All()
	m.Run()
}
