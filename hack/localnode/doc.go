// Copyright The Gatehouse Authors.
// SPDX-License-Identifier: Apache-2.0

// Command localnode runs a real Kubernetes cluster of one node on this machine: no Docker, no registry.
//
//	go run ./hack/localnode binaries [--only assets|all]       build the programs, print their folder
//	go run ./hack/localnode up --name NAME [--kubeconfig PATH] bring a cluster up, or find it healthy
//	go run ./hack/localnode load --name NAME IMAGE.tar...      put images on its node
//	go run ./hack/localnode status --name NAME [-o json]       say what runs
//	go run ./hack/localnode down --name NAME | --all           remove every trace
//
// Progress goes to stderr, results to stdout.
package main
