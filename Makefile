# Gatehouse. `make` alone prints what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export GOFLAGS ?= -buildvcs=false

TOOL := go tool -modfile=hack/tools/go.mod
OUT  := out
BIN  := bin

##@ Run
.PHONY: demo demo-down
demo: need-go need-cc ## Run the main job end to end on a local cluster and print the access matrix as observed.
	@echo ">> building the demo itself (the first time some three minutes; later a second)"
	@mkdir -p $(BIN) && go build -o $(BIN)/demo ./hack/demo
	@$(BIN)/demo up
demo-down: need-go ## Remove every trace of the demo.
	@mkdir -p $(BIN) && go build -o $(BIN)/demo ./hack/demo
	@$(BIN)/demo down

##@ Develop
.PHONY: test test-unit test-emulator test-e2e bench fmt
test: need-go test-emulator test-unit ## Run every test; builds kube-apiserver, etcd and a node's programs first when they are missing.
test-unit: need-go
	@echo ">> tests of the operator, the MCP server and the demo's scenario"
	go vet ./...
	go test -timeout 40m ./...
test-emulator: need-go need-cc
	@echo ">> tests of the emulator (the first build links DuckDB and takes some minutes)"
	cd emulator && go vet ./... && go test -timeout 20m ./...
test-e2e: need-go need-cc ## Run what is long: the race detector, the fuzz targets, every crash point and order, a soak, a browser (up to 30 minutes).
	@echo ">> the race detector (the first time everything is built for it, which takes some minutes)"
	go test -race -timeout 20m ./internal/... ./mcp/...
	@echo ">> fuzz targets"
	hack/fuzz.sh 10s
	@echo ">> every crash point and every order"
	GATEHOUSE_EXHAUSTIVE=1 go test -timeout 25m -run 'Crash|Lost|Neighbours|Killed' ./controllers/role ./controllers/connection ./controllers/datapolicy ./controllers/federationpolicy ./controllers/modelendpoint ./test/faults ./test/crash
	@echo ">> the server in a browser (chromium of Debian is installed if there is none), and a soak of the operator"
	go test -tags e2e -timeout 20m -run "Page|Name|Soak" ./test/browser ./test/crash
bench: need-go need-cc ## Measure what the fences cost beside the bare MCP SDK, and the operator with 1,000 Roles; writes out/bench.json (some 7 minutes).
	@mkdir -p $(BIN) && go build -o $(BIN)/bench ./hack/bench
	@$(BIN)/bench $(BENCH_FLAGS)
fmt: need-go ## Format the Go code.
	gofmt -s -w $$(git ls-files '*.go')

##@ Generate
.PHONY: generate
generate: need-go ## Regenerate deep copies, CRDs and RBAC from the types and markers.
	$(TOOL) controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...
	$(TOOL) controller-gen crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	if [ -d controllers ]; then $(TOOL) controller-gen rbac:roleName=gatehouse-operator paths=./controllers/... paths=./internal/... output:rbac:artifacts:config=config/rbac; fi

##@ Verify
.PHONY: verify lint
verify: generate lint ## Check that a change is ready: generated files committed, lint, import rules, nothing left in the tree.
	@if [ -n "$$(git status --porcelain)" ]; then echo "the tree is not clean after 'make generate' (commit or remove these):"; git status --porcelain; exit 1; fi
	@echo "verify: clean"
lint: need-go ## Vet, check the format, the file headers and the import rules.
	@bad=$$(gofmt -s -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "not formatted (make fmt):"; echo "$$bad"; exit 1; fi
	go vet ./...
	go vet -tags e2e ./test/...
	cd emulator && go vet ./...
	@echo ">> golangci-lint and the import rules (the first time it is built, which takes some minutes)"
	@mkdir -p $(BIN) && go build -modfile=hack/tools/go.mod -o $(BIN)/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	$(BIN)/golangci-lint run ./...
	cd emulator && ../$(BIN)/golangci-lint run ./...
	@echo ">> the Kubernetes API conventions on api/ (the first time the linter is built, which takes a minute or two)"
	cd hack/tools/apilint && go build -o ../../../$(BIN)/api-lint sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter
	$(BIN)/api-lint run -c .golangci-api.yml ./api/...

##@ Build
.PHONY: build image
build: need-go ## Build the binaries into bin/.
	CGO_ENABLED=0 go build -trimpath -tags osusergo,netgo -ldflags "-s -w" -o $(BIN)/ ./cmd/...
image: build ## Pack the images of the operator and the MCP server into dist/, without Docker.
	@mkdir -p dist
	for p in operator mcp-server; do go run ./hack/node/image --out dist/$$p.tar --tag gatehouse.dev/$$p:dev --entrypoint /$$p $(BIN)/$$p; echo "dist/$$p.tar holds gatehouse.dev/$$p:dev"; done

##@ Help
.PHONY: help need-go need-cc
help: ## Print this.
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-zA-Z0-9_-]+:.*##/ {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
need-go:
	@command -v go >/dev/null || { echo "missing: go 1.26 or newer (https://go.dev/dl)"; exit 1; }
need-cc:
	@command -v cc >/dev/null || command -v gcc >/dev/null || { echo "missing: a C compiler (Debian: apt-get install gcc g++), for the emulator's SQL engine"; exit 1; }
