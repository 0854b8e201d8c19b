# From a bare clone, with nothing but Python 3.11 or newer and make:
#
#   make run     simulate the main scenario, judge it, and say where the report is
#   make test    the quick tests (three minutes or so)
#   make slow    the others: other programs, whole simulations, many examples (eight minutes or so)
#   make cover   the core's own tests, which must reach every branch of it (a minute or so)
#   make pages   the commands of README, tutorial and how-tos, to the letter (half an hour or so)
#   make live    load tests from beginning to end (seven minutes or so)
#   make browser   the quick part of the tests in a real browser (a minute or so; needs Chromium)
#   make bench   the benchmarks: a table, and bench.json
#   make prove   the long proofs, written to docs/proofs.md (an hour or so)
#   make abuse   one of them: what the service bears on a bad day (half an hour)
#   make compat  real clients through the proxy, written to docs/reference/clients.md (downloads them)
#   make datadog-schemas   our requests against Datadog's published OpenAPI documents (downloads 8 MB)
#   make wheel   one file to install elsewhere, in dist/
#   make lint    style, formatting, types and the import directions of the house
#
# Each creates a virtual environment by itself and installs what it needs. VENV and PYTHON may
# be given: make test PYTHON=python3.12 VENV=.venv312

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Two more than the two cores these are made for: many tests wait for servers and clocks.
WORKERS ?= 4
# Tests start hundreds of processes; where no bytecode may be kept, each would compile the house anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test slow cover pages live browser bench prove abuse compat datadog-schemas wheel lint clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.for-run
	@status=0; $(BIN)/open-balancer run $(if $(OUT),--out '$(OUT)') || status=$$?; \
	out='$(or $(OUT),balancer-reports/latest)'; \
	if [ -f "$$out/report.html" ]; then echo "The report is at $$(cd "$$out" && pwd -P)/report.html"; fi; \
	exit $$status

# Tests are given out by the file, so that what a file sets up once is set up once.
test: $(VENV)/.for-development
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --durations=10 --durations-min=3

# What attacks the service runs by itself, as it measures how others fare meanwhile.
slow: $(VENV)/.for-development
	@status=0; \
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m slow --durations=10 --durations-min=20 \
		--ignore=tests/abuse/test_abuse.py || status=1; \
	$(BIN)/python -m pytest -q -m slow tests/abuse/test_abuse.py || status=1; \
	exit $$status

# By themselves, as tracing makes tests several times slower.
cover: $(VENV)/.for-development
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "slow or not slow" tests/core --cov --cov-report=term

pages: $(VENV)/.for-development
	$(BIN)/python -m pytest -q -m pages --durations=20

# By themselves, as they measure: two at once would disturb each other.
live: $(VENV)/.for-development
	$(BIN)/python -m pytest -q -m live tests/loadtests tests/fleet tests/deploy

browser: $(VENV)/.for-development
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
		echo "No Chromium is installed; on Debian and Ubuntu it is the package chromium."; \
		exit 2; } >&2
	$(BIN)/python -m pytest -q -m browser --durations=5 tests/service/console tests/playground

bench: $(VENV)/.for-development
	$(BIN)/python -m tests.bench bench.json

prove: $(VENV)/.for-development
	$(BIN)/python -m tests.prove docs/proofs.md

abuse: $(VENV)/.for-development
	$(BIN)/python -m tests.prove docs/proofs.md --section Abuse

compat: $(VENV)/.for-development
	$(BIN)/python -m tests.compat.every_model --environments '$(VENV)-compat'
	$(BIN)/python -m tests.compat docs/reference/clients.md --environments '$(VENV)-compat'

datadog-schemas: $(VENV)/.for-development
	$(BIN)/python -m tests.adapters.datadog.published_schemas

wheel: $(VENV)/.python
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@echo "Install it with: pip install '$$(ls -t dist/open_balancer-*.whl | head -n 1)[all]'"

lint: $(VENV)/.for-development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Two stamps, so that a first look at the report need not wait for the developers' tools.
$(VENV)/.for-run: pyproject.toml constraints.txt | $(VENV)/.python
	$(PIP_INSTALL) --editable '.[all]'
	@touch $@

$(VENV)/.for-development: pyproject.toml constraints.txt | $(VENV)/.python
	$(PIP_INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.for-run

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		found=$$($(PYTHON) --version 2>&1 | head -n 1); \
		echo "open-balancer needs Python 3.11 or newer; '$(PYTHON)' is: $$found."; \
		echo "Name another one: make $(or $(MAKECMDGOALS),run) PYTHON=python3.12"; exit 2; } >&2
	@$(PYTHON) -m venv '$(VENV)' || { \
		echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu it needs the package python3-venv."; \
		exit 2; } >&2
	@touch $@
