# Everything runs in a virtual environment that is made on first use. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON := $(VENV)/bin/python
MADE := $(VENV)/.made
TIERS := tests/unit tests/apiserver tests/campaigns tests/e2e

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(MADE): requirements/dev.txt pyproject.toml
	@hack/venv.sh $(VENV)
	@touch $@

.PHONY: venv
venv: $(MADE) ## make the virtual environment

.PHONY: check
check: $(MADE) ## lint, types, import rules, generated files, known vulnerabilities
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PYTHON) -m hack.manifests --check
	$(PYTHON) -m hack.supply_chain audit

.PHONY: test
test: $(MADE) ## every tier: unit, apiserver, a slice of the campaigns, e2e
	@hack/run-tests.sh $(TIERS)

.PHONY: test-unit
test-unit: $(MADE) ## pure functions; seconds
	@hack/run-tests.sh tests/unit

.PHONY: test-apiserver
test-apiserver: $(MADE) ## the operator against a real API server; minutes
	@hack/run-tests.sh tests/apiserver

.PHONY: test-campaigns
test-campaigns: $(MADE) ## a slice of the fault campaigns; minutes
	@hack/run-tests.sh tests/campaigns

.PHONY: campaigns
campaigns: $(MADE) ## all fault campaigns and seeded bugs, and their report; half an hour
	@$(PYTHON) -m tests.campaigns --bugs --report docs/campaigns.md

.PHONY: test-e2e
test-e2e: $(MADE) ## real containers in a kind cluster; about a quarter of an hour
	@hack/run-tests.sh tests/e2e

.PHONY: test-parts
test-parts: export LONGSHORE_CLUSTER ?= longshore-parts
test-parts: $(MADE) ## several nodes, and what WITH names, in a cluster beside the usual one
	@NODES=$(or $(NODES),3) WITH=$(or $(WITH),gateway) hack/run-tests.sh tests/parts

.PHONY: cluster
cluster: $(MADE) ## a local kind cluster, also with NODES=3 and WITH=gateway,keda,cert-manager,registry
	@$(PYTHON) -m hack.cluster up $(if $(NODES),--nodes $(NODES)) $(if $(WITH),--with $(WITH))

.PHONY: cluster-down
cluster-down: $(MADE) ## remove it
	@$(PYTHON) -m hack.cluster down

.PHONY: install
install: $(MADE) ## the cluster, with this checkout's image and chart in it
	@$(PYTHON) -m hack.install

.PHONY: demo
demo: $(MADE) ## install, apply examples, and show what becomes of them
	@$(PYTHON) -m hack.demo

.PHONY: wheels
wheels: $(MADE) ## download what the image is built from into dist/
	@$(PYTHON) -m hack.image wheels

.PHONY: sbom
sbom: $(MADE) ## what the image is made of, in dist/sbom.cdx.json
	@$(PYTHON) -m hack.supply_chain sbom

.PHONY: bench
bench: $(MADE) ## measure against the peers and write docs/performance.md; hours
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r bench/requirements.txt
	@$(PYTHON) -m bench --scale --profile --plots

.PHONY: bench-queues
bench-queues: $(MADE) ## measure queues at scale and write docs/performance-queues.md; half an hour
	@$(PYTHON) -m bench.queue

.PHONY: image
image: sbom ## the operator's image, and what it is made of
	@$(PYTHON) -m hack.image operator

.PHONY: manifests
manifests: $(MADE) ## write the CRDs and what else is generated
	@$(PYTHON) -m hack.manifests

.PHONY: lock
lock: $(MADE) ## lock the dependencies anew, with hashes
	@$(VENV)/bin/uv pip compile -q --universal --no-header --generate-hashes pyproject.toml -o requirements/runtime.txt
	@$(VENV)/bin/uv pip compile -q --universal --no-header --generate-hashes --group dev pyproject.toml -o requirements/dev.txt
