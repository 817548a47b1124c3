// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package function

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/gatehouse-dev/gatehouse/internal/tooltype/schema"
)

var decimalPattern = regexp.MustCompile(`^DECIMAL\(([0-9]{1,2}),([0-9]{1,2})\)$`)

const timePattern = `[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?`

// sqlProperty is the property that a SQL type stands for, or nil.
func sqlProperty(sqlType string) schema.Property {
	whole := func(bits uint) schema.Property {
		most := int64(1)<<(bits-1) - 1
		return schema.Property{"type": "integer", "minimum": -most - 1, "maximum": most}
	}
	switch sqlType {
	case "STRING":
		return schema.Property{"type": "string", "maxLength": 65536}
	case "TINYINT":
		return whole(8)
	case "SMALLINT":
		return whole(16)
	case "INT":
		return whole(32)
	case "BIGINT":
		return schema.Property{"type": "integer"} // its bounds are no exact floating-point numbers
	case "FLOAT", "DOUBLE":
		return schema.Property{"type": "number"}
	case "BOOLEAN":
		return schema.Property{"type": "boolean"}
	case "DATE":
		return schema.Property{"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`}
	case "TIMESTAMP":
		return schema.Property{"type": "string", "pattern": "^" + timePattern + `(Z|[+-][0-9]{2}:[0-9]{2})?$`}
	case "TIMESTAMP_NTZ": // has no time zone
		return schema.Property{"type": "string", "pattern": "^" + timePattern + "$"}
	}
	if m := decimalPattern.FindStringSubmatch(sqlType); m != nil {
		return decimalProperty(m[1], m[2])
	}
	return nil
}

// decimalProperty allows the decimals that fit, which a float could not hold exactly.
func decimalProperty(precision, scale string) schema.Property {
	p, _ := strconv.Atoi(precision)
	s, _ := strconv.Atoi(scale)
	if p < 1 || p > 38 || s > p {
		return nil
	}
	pattern := fmt.Sprintf(`[0-9]{1,%d}`, max(p-s, 1))
	if p == s {
		pattern = "0"
	}
	if s > 0 {
		pattern += fmt.Sprintf(`([.][0-9]{1,%d})?`, s)
	}
	return schema.Property{"type": "string", "pattern": "^[+-]?" + pattern + "$"}
}
