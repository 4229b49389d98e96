# AdvertiseX. `make demo` and `make test` set up all they need; `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup prerequisites bigquery-emulator demo test test-fast chaos chaos-full parity \
	bench lint bigquery-check dagster clean

SEED ?= 1
SCALE ?= 200000
DAYS ?= 3

# A demo with other parameters than the default has a home of its own, beside the default one.
DEMO_ID := $(SEED)-$(SCALE)-$(DAYS)
ifeq ($(DEMO_ID),1-200000-3)
export ADX_HOME ?= $(CURDIR)/.adx
else
export ADX_HOME ?= $(CURDIR)/.adx/demo-$(DEMO_ID)
endif

# uv from the PATH, otherwise one of our own below .tools, which no system package manager minds.
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv || echo $(CURDIR)/.tools/bin/uv)
BIN := $(CURDIR)/.venv/bin
export VIRTUAL_ENV :=

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(BIN)/.synced ## Install everything the project needs below this folder

prerequisites:
	@infra/setup/prerequisites.sh

$(UV):
	@infra/setup/install-uv.sh "$(CURDIR)/.tools"

$(BIN)/.synced: pyproject.toml uv.lock | prerequisites $(UV)
	@$(UV) sync --frozen --quiet --python "$$(infra/setup/prerequisites.sh --print-python)"
	@touch $@

# The emulator has an environment of its own: its pins are not the platform's.
EMULATOR := $(CURDIR)/.tools/bigquery-emulator
EMULATOR_LOCK := infra/bigquery_emulator/pyproject.toml infra/bigquery_emulator/uv.lock

bigquery-emulator: $(EMULATOR)/.synced ## Install the BigQuery emulator below this folder

$(EMULATOR)/.synced: $(EMULATOR_LOCK) | prerequisites $(UV)
	@UV_PROJECT_ENVIRONMENT=$(EMULATOR) $(UV) sync --frozen --quiet \
		--project infra/bigquery_emulator --python "$$(infra/setup/prerequisites.sh --print-python)"
	@touch $@

demo: setup ## Play the ad world through the whole platform (SEED, SCALE, DAYS)
	@$(BIN)/adx demo --seed $(SEED) --scale $(SCALE) --days $(DAYS)

# Tests bring their own homes and ports; the environment of the caller must not leak into them.
# Folders come in the order of their names, so that the long ones (chaos, e2e) begin first and the
# short ones (unit) fill the end. Four workers keep two cores busy while tests wait for servers;
# the fast tests wait for none, and each worker first imports all of them (15 s of CPU).
PYTEST := $(BIN)/pytest --dist loadgroup --no-loadscope-reorder

# Spark's classes are archived once, so that the many starts of Spark in the suite are quick.
$(BIN)/.warm: $(BIN)/.synced
	@$(BIN)/python -m ingestion.streaming.warm_up
	@touch $@

test: setup $(BIN)/.warm bigquery-emulator ## Run the whole suite
	@unset $${!ADX_@}; $(PYTEST) -n 4

test-fast: setup ## Run what needs no broker, no Spark and no series of builds (under 3 minutes)
	@unset $${!ADX_@}; $(PYTEST) -n 2 -m "not slow"

chaos: setup $(BIN)/.warm ## Let everything go wrong once (under 10 minutes; part of make test)
	@unset $${!ADX_@}; $(BIN)/python -m tests.chaos --seed $(SEED)

chaos-full: setup $(BIN)/.warm ## Let everything go wrong in every way; run again, it goes on
	@unset $${!ADX_@}; $(BIN)/python -m tests.chaos --full --seed $(SEED) \
		--state $(CURDIR)/.chaos/$(SEED)

parity: setup bigquery-emulator ## Prove that BigQuery gives the rows that DuckDB gives (SEED)
	@unset $${!ADX_@}; $(BIN)/python -m tests.parity --seed $(SEED)

bench: setup ## Measure our parts beside their peers; writes benchmarks/latest.json (about 40 minutes)
	@unset $${!ADX_@}; $(BIN)/python -m benchmarks

lint: setup ## Check Python, SQL and the dbt project
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models tests/dbt
	@ADX_HOME=$(CURDIR)/.adx $(BIN)/adx dbt parse --no-partial-parse --quiet
	@$(BIN)/dbt-bouncer run

bigquery-check: setup ## Judge what BigQuery would be sent, and what it would read: offline, no account
	@unset $${!ADX_@}; $(BIN)/python -m orchestration.bigquery.check

dagster: setup ## Open Dagster on the graph, the runs and the checks
	@home="$$($(BIN)/python -c "$$DAGSTER_HOME_SCRIPT")"; \
		DAGSTER_HOME="$$home" $(BIN)/dagster dev -m orchestration.definitions

define DAGSTER_HOME_SCRIPT
from ingestion.settings import load_settings
from orchestration.lib.dagster_home import ensure_dagster_home
print(ensure_dagster_home(load_settings()))
endef
export DAGSTER_HOME_SCRIPT

clean: ## Stop the broker and remove what demos and builds made (not the Python environment)
	@if [ -x $(BIN)/adx ]; then $(BIN)/adx clean --yes; fi
	@rm -rf .adx dbt_project/target dbt_project/logs logs target .pytest_cache .mypy_cache \
		.ruff_cache .hypothesis
