# What Thor can be asked to do; `make` alone lists it. Each target that runs Thor makes `.venv` first.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
# Twice quiet: warnings are about indexes and are no use to whoever waits; errors are still shown.
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
# The dependencies named in pyproject.toml, one a line; arguments are the extras that are wanted as well.
NAMES := $(BIN)/python -c 'import sys, tomllib; \
  project = tomllib.load(open("pyproject.toml", "rb"))["project"]; extras = project["optional-dependencies"]; \
  print(*project["dependencies"], *(name for extra in sys.argv[1:] for name in extras[extra]), sep="\n")'

.PHONY: help
help: ## Show this list
	@echo "Thor runs the jobs of a trading desk. 'make up' starts it, 'make test' tests it."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.dev ## Make .venv with everything that Thor, its tests and its tools need

.PHONY: up
up: $(VENV)/.runtime ## Run everything until Ctrl-C: pages, feed, beats, workers, Flower
	@exec $(BIN)/python manage.py up

.PHONY: down
down: $(VENV)/.runtime ## Stop what 'make up' or 'make demo' runs in this folder
	@exec $(BIN)/python manage.py down

.PHONY: demo
demo: $(VENV)/.runtime ## Run a whole trading day at 60 times its pace, in var/demo
	@exec $(BIN)/python manage.py demo

# Two at a time, as there are two cores: replays fall behind where more crowd them. What bounds times comes after them.
SMALL := tests/unit tests/contracts tests/docs tests/integration
PYTEST := $(BIN)/python -m pytest --durations=15 --durations-min=5
CORES := --numprocesses auto --maxprocesses 4 --dist loadfile
HOUSES := --numprocesses 2 --dist loadfile

.PHONY: test
test: $(VENV)/.dev ## Run all tests; what a test needs and this machine lacks is named as skipped
	@here="not absent"; if $(BIN)/python -m tests.postgres --is-here; then here="not (database and slow)"; fi; \
	  $(PYTEST) $(CORES) $(SMALL) -m "$$here"; \
	  $(PYTEST) $(HOUSES) tests/acceptance -m "not alone and $$here"; \
	  $(PYTEST) $(CORES) tests/browser -m "$$here"; \
	  $(PYTEST) $(HOUSES) tests/acceptance -m "alone and $$here"
	@echo "Once more on PostgreSQL: what uses a database."
	@uses="(django_db or database) and not once"; again="$(BIN)/python -m tests.postgres"; \
	  $$again $(PYTEST) $(CORES) $(SMALL) -m "$$uses"; \
	  $$again $(PYTEST) $(HOUSES) tests/acceptance -m "$$uses and not alone"; \
	  $$again $(PYTEST) $(HOUSES) tests/acceptance -m "$$uses and alone"

.PHONY: chaos
chaos: $(VENV)/.dev ## Break everything at random and check the ledger: SEED=7 OCCURRENCES=20000
	@$(BIN)/python -m tests.acceptance.chaos.run $(if $(SEED),--seed $(SEED)) $(if $(OCCURRENCES),--occurrences $(OCCURRENCES))

.PHONY: bench
bench: $(VENV)/.bench ## Measure Thor beside its peers; about 15 minutes, QUICK=1 for four
	@$(BIN)/python -m benchmarks.scheduler $(if $(QUICK),--quick)

.PHONY: check
check: $(VENV)/.dev ## Lint, format, types, import contracts and unit tests: a minute and a half
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q $(CORES) tests/unit

.PHONY: format
format: $(VENV)/.dev ## Rewrite the code in the one format, and mend what can be mended
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .

.PHONY: lock
lock: $(BIN)/python ## Write constraints.txt anew from the newest versions that fit together
	@echo "Finding the newest versions (a minute or two)."
	@$(BIN)/python -m venv --clear $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip -qq --disable-pip-version-check install -r <($(NAMES) bench dev excel)
	@{ echo "# Exact versions that are tested together. 'make lock' writes this file anew."; \
	   $(VENV)/lock/bin/python -m pip --disable-pip-version-check freeze; } > constraints.new
	@mv constraints.new constraints.txt
	@rm -rf $(VENV)/lock
	@echo "constraints.txt is written; 'make test' installs and tries it."

# The stamps make a second run quick: pip is asked only when the lists have changed.
$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what Thor needs into $(VENV) (once, about a minute)."
	@$(PIP) install --constraint constraints.txt --requirement <($(NAMES))
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what Thor, its tests and its tools need into $(VENV) (once, about a minute)."
	@$(PIP) install --constraint constraints.txt --requirement <($(NAMES) dev)
	@touch $@ $(VENV)/.runtime

$(VENV)/.bench: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what Thor and its benchmarks need into $(VENV) (once, about a minute)."
	@$(PIP) install --constraint constraints.txt --requirement <($(NAMES) bench)
	@touch $@ $(VENV)/.runtime

$(BIN)/python:
	@found=""; \
	for candidate in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [[ -z $$found ]]; then \
	  echo "Thor needs Python 3.11 or newer: install it, or name it, as in 'make $(or $(MAKECMDGOALS),up) PYTHON=/path/to/python3.11'." >&2; \
	  exit 2; \
	fi; \
	if ! said=$$("$$found" -m venv $(VENV) 2>&1); then \
	  rm -rf $(VENV); echo "$$said" >&2; \
	  echo "$$found cannot make a virtual environment: on Debian and Ubuntu 'apt-get install python3-venv' adds what it lacks." >&2; \
	  exit 2; \
	fi
