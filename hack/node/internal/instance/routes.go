// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package instance

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// ParseRoutes returns the destinations in the text of /proc/net/route: after a heading, lines whose second and eighth fields
// are an address and a mask as hexadecimal numbers in the machine's byte order.
func ParseRoutes(text string) []netip.Prefix {
	var routes []netip.Prefix
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 8 {
			continue
		}
		destination, err := strconv.ParseUint(fields[1], 16, 32)
		if err != nil {
			continue
		}
		mask, err := strconv.ParseUint(fields[7], 16, 32)
		if err != nil {
			continue
		}
		var address [4]byte
		binary.NativeEndian.PutUint32(address[:], uint32(destination))
		routes = append(routes, netip.PrefixFrom(netip.AddrFrom4(address), bits.OnesCount32(uint32(mask))))
	}
	return routes
}
