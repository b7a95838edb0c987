# `make help` lists the targets. Everything that is made lies in .venv, dist and ~/.cache/longshore.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# Python of the image's base: what the wheels are downloaded for.
IMAGE_PYTHON ?= 3.11
PYTEST := $(RUN) -m pytest

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/ready: requirements/dev.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	echo "$(CURDIR)/operator" > $$($(RUN) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/longshore-dev.pth
	touch $@

.PHONY: venv
venv: $(VENV)/ready ## Make the virtual environment

.PHONY: check
check: venv ## Lint, types, layers, generated files
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(RUN) -m longshore crds --check crds charts/longshore/files/crds

.PHONY: manifests
manifests: venv ## Generate the CustomResourceDefinitions
	$(RUN) -m longshore crds --write crds charts/longshore/files/crds

.PHONY: lock
lock: ## Lock the dependencies again, with hashes
	echo pip | uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate pyproject.toml - -o requirements/image.txt
	uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header pyproject.toml --group dev -o requirements/dev.txt

.PHONY: wheels
wheels: venv ## Download the image's wheels and build our own
	rm -rf dist/wheels && mkdir -p dist/wheels
	$(VENV)/bin/pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
	  --python-version $(IMAGE_PYTHON) --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
	  -r requirements/image.txt -d dist/wheels
	$(RUN) -m hatchling build -t wheel -d dist/wheels >/dev/null

.PHONY: cluster
cluster: venv ## Find or make a kind cluster
	$(RUN) -m hack.cluster up

.PHONY: cluster-down
cluster-down: venv ## Take the kind cluster away
	$(RUN) -m hack.cluster down

.PHONY: image
image: cluster wheels ## Build the images and load them into the cluster
	$(RUN) -m hack.images

.PHONY: demo
demo: cluster wheels ## A cluster, the operator, a WebApp and a BatchJob, and what happened
	$(RUN) -m hack.demo

.PHONY: test
test: venv wheels ## All tests, in a real API server and a real cluster
	$(PYTEST) tests

.PHONY: test-unit
test-unit: venv ## Pure decisions only
	$(PYTEST) tests/unit

.PHONY: test-apiserver
test-apiserver: venv ## The operator against a real API server without nodes
	$(PYTEST) tests/apiserver

.PHONY: test-e2e
test-e2e: venv wheels ## The operator installed by Helm in a kind cluster
	$(PYTEST) tests/e2e
