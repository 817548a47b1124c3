// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/databricks/wire"
)

func TestASecretIsNeverPrinted(t *testing.T) {
	secret := wire.Secret("dose-text")
	raw, err := secret.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	type holder struct{ S wire.Secret }
	for _, got := range []string{
		fmt.Sprint(secret), fmt.Sprintf("%v %+v %#v %q %s %x", secret, secret, secret, secret, secret, secret),
		fmt.Sprintf("%+v %#v", holder{secret}, holder{secret}), string(raw), secret.LogValue().String(),
	} {
		if strings.Contains(got, "dose") {
			t.Errorf("printed %q", got)
		}
	}
}
