// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Package seal makes handles that a server hands out and takes back: encrypted, so
// that they say nothing; bound to whom they were given, so that nobody else can use
// them; and with an end. Nothing is kept on the server, so that any replica opens
// what another one sealed.
//
//	handle = key id . nonce . AES-256-GCM(key, payload + end, bound to the holder)
//
// Keys have ids that are times, and come from a root, one for each period: a new key
// is there a period before it seals, so that every replica has it by then.
package seal
