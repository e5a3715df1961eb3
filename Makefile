# Everything sets itself up from nothing: python3 (3.11 or newer) and make are all it takes.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
PARTS ?= kafka prometheus alertmanager chromium
ARGS ?=

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: venv
venv: .venv/installed ## Make .venv with tocsin in it, from requirements.lock

.venv/installed: pyproject.toml requirements.lock scripts/venv.sh
	@bash scripts/venv.sh
	@touch $@

.PHONY: demo
demo: venv ## Watch a simulated province: an alert goes yellow, orange, red (ARGS="--for 60s")
	@$(BIN)/tocsin demo $(ARGS)

.PHONY: test
test: venv parts lint types ## Everything that must hold: style, types, contracts, doctests, all tests (ARGS="-k replay")
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: faults
faults: venv ## Break workers and brokers for a while and see that nothing is lost (SEED=1 MINUTES=15 BROKERS=3 SESSION=6 DOCS=1)
	@python3 scripts/parts.py kafka
	@BROKERS=$(BROKERS) SEED=$(SEED) MINUTES=$(MINUTES) SESSION=$(SESSION) FAULT="$(FAULT)" MUTATION=$(MUTATION) DOCS=$(DOCS) \
		$(BIN)/python -m tests.faults.run

.PHONY: lint
lint: venv ## Check style and format (ruff)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "format: run 'make format'" >&2; exit 1; }

.PHONY: format
format: venv ## Put the code in format and fix what ruff can fix
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: types
types: venv ## Check types (mypy, strict)
	@$(BIN)/mypy

.PHONY: contracts
contracts: venv ## Check which folder may import which (import-linter)
	@$(BIN)/lint-imports --no-logo

.PHONY: parts
parts: ## Find or install the real Kafka, Prometheus, Alertmanager and Chromium for the tests
	@python3 scripts/parts.py $(PARTS)

.PHONY: bench
bench: venv ## Measure speed and delay beside the peers, 15 minutes (ARGS="--quick": 3 minutes, writes nothing)
	@python3 scripts/parts.py kafka
	@$(BIN)/tocsin bench $(ARGS)

.PHONY: up
up: ## Start the whole stack in containers (docker compose)
	@docker compose up $(ARGS)

.PHONY: schema
schema: venv ## Write the JSON Schemas by which editors complete rule files, and the OpenAPI document
	@$(BIN)/tocsin schema rules > rules/schema.json
	@$(BIN)/tocsin schema tests > rules/tests.schema.json
	@$(BIN)/tocsin schema api > docs/openapi.json

.PHONY: lock
lock: venv ## Resolve pyproject.toml anew into requirements.lock, and the peers of the benchmark into theirs
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --universal --python-version 3.11 --upgrade \
		--output-file requirements.lock
	@cd bench && ../$(BIN)/python -m uv pip compile requirements-peers.in --quiet --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --no-emit-find-links --universal --python-version 3.11 --upgrade \
		--output-file requirements-peers.lock
