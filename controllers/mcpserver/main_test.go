// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package mcpserver

import (
	"os"
	"testing"

	"github.com/gatehouse-dev/gatehouse/test/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }
