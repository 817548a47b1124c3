// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Part is a checked and escaped piece of a path. Only this file makes one, so that
// no name from a resource reaches a URL in another way.
type Part string

var (
	numberPattern    = regexp.MustCompile(`^[0-9]{1,20}$`)
	identityPattern  = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	securablePattern = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,2}$`)
	typePattern      = regexp.MustCompile(`^[a-z_]{1,32}$`)
	endpointPattern  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)
)

func checked(what, value string, pattern *regexp.Regexp) (Part, error) {
	if !pattern.MatchString(value) {
		return "", fault.Invalid(ReasonRejected, fmt.Errorf("the %s %q cannot be part of a request", what, Tidy(value, 64)))
	}
	return Part(url.PathEscape(value)), nil
}

// NumericID checks the numeric id of a principal.
func NumericID(value string) (Part, error) { return checked("id", value, numberPattern) }

// Number checks the numeric id of a principal and returns it as a number.
func Number(value string) (int64, error) {
	if _, err := NumericID(value); err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0, fault.Invalid(ReasonRejected, fmt.Errorf("the id %q is no number that Databricks gives", Tidy(value, 64)))
	}
	return n, nil
}

// ObjectID checks the id of an object that has letters, digits and hyphens.
func ObjectID(value string) (Part, error) { return checked("id", value, identityPattern) }

// SecurableName checks the full name of a Unity Catalog object.
func SecurableName(value string) (Part, error) { return checked("name", value, securablePattern) }

// SecurableType checks the type of a Unity Catalog object.
func SecurableType(value string) (Part, error) { return checked("type", value, typePattern) }

// EndpointName checks the name of a serving endpoint.
func EndpointName(value string) (Part, error) { return checked("name", value, endpointPattern) }

// SCIMText quotes a value for a SCIM filter. What could end the quotes is refused.
func SCIMText(value string) (string, error) {
	if value == "" || len(value) > 256 || strings.ContainsAny(value, "\"\\\x00\r\n") {
		return "", fault.Invalid(ReasonRejected, fmt.Errorf("the name %q cannot be searched for", Tidy(value, 64)))
	}
	return `"` + value + `"`, nil
}
