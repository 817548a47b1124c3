// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// part is a checked and escaped piece of a path. Only this file makes one, so that
// no name from a resource reaches a URL in another way.
type part string

var (
	numberPattern    = regexp.MustCompile(`^[0-9]{1,20}$`)
	identityPattern  = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	securablePattern = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,2}$`)
	typePattern      = regexp.MustCompile(`^[a-z_]{1,32}$`)
	endpointPattern  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)
)

func checked(what, value string, pattern *regexp.Regexp) (part, error) {
	if !pattern.MatchString(value) {
		return "", fault.Invalid(ReasonRejected, fmt.Errorf("the %s %q cannot be part of a request", what, tidy(value, 64)))
	}
	return part(url.PathEscape(value)), nil
}

func numericID(value string) (part, error)     { return checked("id", value, numberPattern) }
func objectID(value string) (part, error)      { return checked("id", value, identityPattern) }
func securableName(value string) (part, error) { return checked("name", value, securablePattern) }
func securableType(value string) (part, error) { return checked("type", value, typePattern) }
func endpointName(value string) (part, error)  { return checked("name", value, endpointPattern) }

// scimText quotes a value for a SCIM filter. What could end the quotes is refused.
func scimText(value string) (string, error) {
	if value == "" || len(value) > 256 || strings.ContainsAny(value, "\"\\\x00\r\n") {
		return "", fault.Invalid(ReasonRejected, fmt.Errorf("the name %q cannot be searched for", tidy(value, 64)))
	}
	return `"` + value + `"`, nil
}
