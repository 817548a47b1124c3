// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Command image packs static programs into a minimal container image, as an archive that needs no registry:
//
//	go run ./hack/node/image --out FILE.tar --tag gatehouse.dev/operator:dev --entrypoint /operator BIN[:PATH]...
//
// The image has no base: it holds the programs, /etc/passwd with the account nonroot (65532) it runs as, and this machine's
// certificate authorities if there are any.
package main
