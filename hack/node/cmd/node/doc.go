// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Command node runs a real Kubernetes cluster of one node on this machine: no Docker, no registry.
//
//	go run ./hack/node/cmd/node binaries [--only assets|all]       build the programs, print their folder
//	go run ./hack/node/cmd/node up --name NAME [--kubeconfig PATH] bring a cluster up, or find it healthy
//	go run ./hack/node/cmd/node load --name NAME IMAGE.tar...      put images on its node
//	go run ./hack/node/cmd/node status --name NAME [-o json]       say what runs
//	go run ./hack/node/cmd/node down --name NAME | --all           remove every trace
//
// Progress goes to stderr, results to stdout.
package main
