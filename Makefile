# Every target works in a fresh clone: it makes .venv and installs exactly what the lock files name. A second call is instant.
# PYTHON picks the interpreter, ARGS are passed on: make demo ARGS=--help

PYTHON ?= python3
UV ?= uv
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALL_LOCKED := $(BIN)/python requirements/install.py
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
DASHBOARD := $(VENV)/.dashboard-installed
BEAM := $(VENV)/.beam-installed
COMPOSE := cd docker && docker compose
EMULATOR_VENV := .venv-bigquery
EMULATOR := $(EMULATOR_VENV)/.installed
# A worker more than there are cores, because many tests wait for a server or a clock. A file stays with one worker, so that what its
# tests share is made once. In the order of the files: xdist would begin with those of many tests, and end with those of few that
# take a minute each.
WORKERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install install-xgboost install-vertex install-beam install-dashboard demo dev mlflow serve dashboard test test-all services test-services check format coverage bench bench-serving bench-stores bench-streams up down restart logs status lock dictionary grafana protos bigquery-emulator clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: $(RUNTIME) ## make .venv and install the project with its locked dependencies
	@echo "Installed: $(BIN)/mlops-assets"

install-xgboost: $(RUNTIME) ## add gradient boosting by XGBoost to the candidates of the arrest model
	@$(INSTALL_LOCKED) requirements/xgboost.lock

install-vertex: $(RUNTIME) ## add what compiles and submits pipelines of Vertex AI and asks its endpoints
	@$(INSTALL_LOCKED) requirements/vertex.lock

install-dashboard: $(DASHBOARD) ## add Streamlit, which the dashboard is made of

install-beam: $(BEAM) ## add Apache Beam, which `mlops-assets stream` runs on

demo: $(RUNTIME) ## take the Chicago crimes graph from raw data to a champion model, predictions and a drift report
	@$(BIN)/mlops-assets demo $(ARGS)

dev: $(RUNTIME) ## open the Dagster UI on the data of the demo
	@$(BIN)/mlops-assets dev $(ARGS)

mlflow: $(RUNTIME) ## open the MLflow UI on the same models and experiments
	@$(BIN)/mlops-assets mlflow $(ARGS)

serve: $(RUNTIME) ## answer questions by every champion, by REST, GraphQL and gRPC
	@$(BIN)/mlops-assets serve $(ARGS)

dashboard: $(DASHBOARD) ## open the dashboard: songs, models, Chicago, Donostia, and questions to serving
	@$(BIN)/mlops-assets dashboard $(ARGS)

test: $(DEV) ## run the tests, but those that take a server or a minute each
	@$(PYTEST) -m "not services and not slow" $(ARGS)

test-all: $(DEV) ## run all tests, with the servers that this machine has
	@$(PYTEST) $(ARGS)

services: $(DEV) ## start the servers that tests use, by Docker if it is there, and say where they are
	@$(BIN)/python -m mlops_assets_tests.services $(ARGS)

test-services: $(DEV) ## run the tests of all servers that this machine can start
	@$(BIN)/python -m mlops_assets_tests.services $(PYTEST) -m services $(ARGS)

check: $(DEV) ## run everything that must pass: format, lint, types, boundaries, data dictionary, tests
	@$(call timed,format,$(BIN)/ruff format --check .)
	@$(call timed,lint,$(BIN)/ruff check .)
	@$(call timed,types,$(BIN)/mypy mlops_assets mlops_assets_tests)
	@$(call timed,boundaries,$(BIN)/lint-imports)
	@$(call timed,data dictionary,$(BIN)/mlops-assets dictionary --check)
	@echo "== tests"
	@$(PYTEST) $(ARGS)

format: $(DEV) ## mend what `make check` says of format and lint, as far as a tool can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

coverage: $(DEV) ## run the tests of `make test` and list the lines that they do not reach
	@$(PYTEST) -m "not services and not slow" --cov=mlops_assets --cov-report=term-missing:skip-covered --cov-report=xml $(ARGS)

bench: $(DEV) ## measure speed and memory
	@$(BIN)/python -m benchmarks $(ARGS)

bench-serving: $(DEV) ## measure serving against bare servers and MLflow's own; ARGS="--soak-minutes 30 --cases 10000" before a release
	@$(BIN)/python -W ignore -m benchmarks.serving $(ARGS)

bench-stores: $(DEV) ## measure every store against its bare client and against the IO managers shipped with Dagster
	@$(BIN)/python -m mlops_assets_tests.services $(BIN)/python -m benchmarks.stores $(ARGS)

bench-streams: $(DEV) ## measure landing, memory, exactly once through kills, latency; ARGS="--events 1000000" before a release
	@$(BIN)/python -W ignore -m benchmarks.streams $(ARGS)

up: docker/.env ## start the platform on real servers, by Docker Compose; COMPOSE_PROFILES in docker/.env says which
	@$(COMPOSE) up --build --detach $(ARGS)

down: docker/.env ## stop it; its volumes stay
	@$(COMPOSE) --profile '*' down $(ARGS)

restart: docker/.env ## start its containers again; ARGS=daemon for one of them
	@$(COMPOSE) restart $(ARGS)

logs: docker/.env ## follow what its containers say; ARGS=daemon for one of them
	@$(COMPOSE) logs --follow --tail 100 $(ARGS)

status: docker/.env ## list its containers and whether they are healthy
	@$(COMPOSE) ps --all $(ARGS)

docker/.env: | docker/make_env.sh docker/env.example
	@sh docker/make_env.sh

lock: ## resolve the dependencies again with uv; ARGS=--upgrade moves them to their newest versions
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv, or UV=/path/to/uv" >&2; exit 1; }
	@$(call resolve,runtime,pyproject.toml)
	@$(call resolve,dev,pyproject.toml --group dev -c requirements/runtime.lock)
	@echo pip | $(call resolve,pip,-)
	@$(call resolve,oldest-pip,requirements/oldest-pip.in)
	@$(call resolve,xgboost,pyproject.toml --extra xgboost -c requirements/runtime.lock)
	@$(call resolve,dashboard,pyproject.toml --extra dashboard -c requirements/runtime.lock)
	@$(call resolve,beam,pyproject.toml --extra beam -c requirements/runtime.lock)
	@$(call resolve,vertex,pyproject.toml --extra vertex -c requirements/runtime.lock)
	@$(call resolve,dataflow,pyproject.toml requirements/dataflow.in --extra beam -c requirements/runtime.lock)
	@$(call resolve,serving,requirements/serving.in -c requirements/runtime.lock)
	@# The editable install is built without isolation, so that its build backend is pinned like everything else.
	@echo setuptools | $(call resolve,build,- -c requirements/dev.lock)
	@$(call resolve,bigquery-emulator,requirements/bigquery-emulator.in,3.13)

dictionary: $(RUNTIME) ## write the data dictionary from the contracts
	@$(BIN)/mlops-assets dictionary $(ARGS)

grafana: $(RUNTIME) ## write Grafana's dashboards; ARGS="--warehouse bigquery://project/dataset" for tables of other names
	@$(BIN)/mlops-assets grafana $(ARGS)

protos: $(DEV) ## write the modules of the gRPC services from their .proto files
	@$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. --grpc_python_out=. $$(find mlops_assets -name '*.proto' | sort)

bigquery-emulator: $(EMULATOR) ## make the BigQuery emulator that tests use; it needs Python 3.13 beside the other one
	@echo "Installed: $(EMULATOR_VENV)/bin/local-bigquery"

clean: ## remove .venv, caches and build products; data/ stays
	@rm -rf $(VENV) $(EMULATOR_VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage coverage.xml build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.10 to 3.13, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 10) <= v[:2] <= (3, 13) else f"Python 3.10 to 3.13 is needed, but $(PYTHON) is {v[0]}.{v[1]}. Name another one: make PYTHON=python3.12")'
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(RUNTIME): requirements/runtime.lock requirements/build.lock requirements/pip.lock pyproject.toml | $(BIN)/python
	@echo "Installing locked packages; the first time takes a few minutes"
	@$(INSTALL_LOCKED) requirements/runtime.lock requirements/build.lock --editable .
	@touch $@

$(DASHBOARD): requirements/dashboard.lock $(RUNTIME)
	@$(INSTALL_LOCKED) requirements/dashboard.lock
	@touch $@

$(BEAM): requirements/beam.lock $(RUNTIME)
	@$(INSTALL_LOCKED) requirements/beam.lock
	@touch $@

# dev.lock repeats runtime.lock, so that its stamp stands for both.
$(DEV): requirements/dev.lock requirements/pip.lock pyproject.toml | $(BIN)/python
	@echo "Installing locked packages; the first time takes a few minutes"
	@$(INSTALL_LOCKED) requirements/dev.lock --editable .
	@touch $(RUNTIME) $(DASHBOARD) $(BEAM) $@

# Its DuckDB looks for extensions in the home folder of whoever runs it; it gets one of its own.
$(EMULATOR): requirements/bigquery-emulator.lock
	@python=$$($(FIND_PYTHON_313)); test -n "$$python" || { echo "The BigQuery emulator needs Python 3.13; install it, or name it: make bigquery-emulator PYTHON313=/path/to/python3.13" >&2; exit 1; }; \
		rm -rf $(EMULATOR_VENV); "$$python" -m venv $(EMULATOR_VENV)
	@echo "Installing the locked packages of the BigQuery emulator; the first time takes about a minute"
	@$(EMULATOR_VENV)/bin/python requirements/install.py requirements/bigquery-emulator.lock
	@mkdir $(EMULATOR_VENV)/home
	@HOME=$(abspath $(EMULATOR_VENV)/home) $(EMULATOR_VENV)/bin/python -c 'from duckdb_extensions import import_extension as install; [install(name) for name in ("icu", "ducklake", "spatial")]'
	@touch $@

# A pyenv shim of python3.13 stands on the PATH even if it is not active, hence the try.
PYTHON313 ?=
FIND_PYTHON_313 = for python in $(PYTHON313) python3.13 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13*/bin/python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && { echo "$$python"; break; }; done

# $(call timed,title,command): run a part of the check and say how long it took.
timed = set -e; echo "== $(1)"; start=$$(date +%s); $(2); echo "== $(1): $$(($$(date +%s) - start)) s"

# $(call resolve,name,inputs[,oldest Python]): write a lock file with hashes for every supported Python, and without names of
# index hosts.
resolve = $(UV) pip compile $(2) --universal --python-version $(or $(3),3.10) --generate-hashes --no-header --no-emit-index-url \
	--no-annotate --no-strip-extras --quiet $(ARGS) -o requirements/$(1).lock
