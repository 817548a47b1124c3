// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"strings"
)

const markPrefix = "Managed by Gatehouse: "

// mark is what a Connection's connection and MCP service carry in their comments.
func mark(installation, namespace, name string) string {
	return markPrefix + installation + "/connection/" + namespace + "/" + name
}

// marked puts a mark behind a comment.
func marked(comment, mark string) string {
	if comment == "" {
		return mark
	}
	return comment + " (" + mark + ")"
}

// markIn is the mark in a comment, or "". What a person wrote before the mark is none.
func markIn(comment string) string {
	if i := strings.LastIndex(comment, " ("+markPrefix); i >= 0 && strings.HasSuffix(comment, ")") {
		return comment[i+2 : len(comment)-1]
	}
	if strings.HasPrefix(comment, markPrefix) {
		return comment
	}
	return ""
}

// markedBy is the Connection of this installation, `<namespace>/<name>`, that a mark
// names; own says whether it is of this installation.
func markedBy(mark, installation string) (key string, own bool) {
	return strings.CutPrefix(mark, markPrefix+installation+"/connection/")
}
