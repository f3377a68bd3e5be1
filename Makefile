# `make help` lists the targets. Everything installs into .venv; PYTHON chooses the interpreter that makes it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo up down check format lint types unit test containers soak fuzz bench clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## make the virtual environment with all dependencies

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("crmsearch needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.11 ..." % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing dependencies into $(VENV) (1.7 GB there; some minutes) ..." >&2
	@$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP) ## the main job on sample data; leaves API and console running
	@$(BIN)/crmsearch demo

up: $(STAMP) ## start the local node, the API and the console in the background
	@$(BIN)/crmsearch up

down: $(STAMP) ## stop what demo or up started
	@$(BIN)/crmsearch down

check: $(STAMP) format lint types unit ## format, lint, types and unit tests; about a minute

format: $(STAMP)
	@$(BIN)/ruff format --check --quiet . || (echo "run: $(BIN)/ruff format ." >&2; exit 1)

lint: $(STAMP)
	@$(BIN)/ruff check .

types: $(STAMP)
	@$(BIN)/mypy

unit: $(STAMP)
	@$(BIN)/python -m pytest tests/unit --quiet

test: $(STAMP) ## all tests, with a local node, Spark, HDFS and a browser; what cannot run is named at the end
	@$(BIN)/python -m pytest

containers: $(STAMP) ## tests against an Elasticsearch in a container, a short part; wants a Docker engine and Compose
	@$(BIN)/python -m pytest --node docker tests/integration/test_access.py tests/integration/test_audit.py tests/integration/test_lifecycle.py

soak: $(STAMP) ## the tests and proofs that take long; RUNS, SEARCHES, MINUTES and SEED choose others
	@$(BIN)/python -m pytest -m soak
	@$(BIN)/python -m tests.soak kills --runs $(or $(RUNS),200) --seed $(or $(SEED),1)
	@$(BIN)/python -m tests.soak promotions --searches $(or $(SEARCHES),10000)
	@$(BIN)/python -m tests.soak load --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1)

fuzz: $(STAMP) ## fuzz the parsers of what callers write, each for SECONDS (180)
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),180)

bench: $(STAMP) ## measure indexing, ingest and search; writes tests/bench/results
	@$(BIN)/python -m tests.bench

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
