# ultrad: `make help` lists what there is.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE := .cache
STAMP := $(VENV)/.built
COVERAGE := --cov --cov-report=term-missing:skip-covered
PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR = $(DESTDIR)$(PREFIX)/lib/ultrad
RUNTIME_PYTHON ?= /usr/bin/python3

.PHONY: help build run test prove lint format bench catalogue lock install clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: $(STAMP) ## everything the others need: Python packages, the devnet's contracts and node (idempotent)
	@ULTRAD_CACHE=$(CURDIR)/$(CACHE) $(BIN)/python -m ultrad.devnet.build

$(STAMP): requirements-dev.lock pyproject.toml hatch_build.py $(wildcard ultrad/locale/*/LC_MESSAGES/ultrad.po)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ultrad needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) --version`. Try: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || if [ "`id -u`" = 0 ] && [ -e /etc/debian_version ]; then \
	  echo "installing python3-venv"; apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; \
	  else echo "ultrad needs Python's venv module. On Debian: apt-get install python3-venv"; exit 1; fi
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# The lock is complete: --no-deps keeps pip from looking again for what an extra names, at a newer release.
	@echo "installing the Python packages (pinned by hash)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

run: build ## the daemon on the embedded devnet, with a live status
	@ULTRAD_CACHE=$(CURDIR)/$(CACHE) $(BIN)/python -m ultrad.devnet.demo

test: build lint ## everything that must hold, in under ten minutes
	@ULTRAD_CACHE=$(CURDIR)/$(CACHE) $(BIN)/python -m pytest $(COVERAGE)

prove: build lint ## the long form: every round, every order
	@ULTRAD_CACHE=$(CURDIR)/$(CACHE) $(BIN)/python -m pytest -m "prove or not prove" --hypothesis-profile=fresh $(COVERAGE)

lint: $(STAMP) ## style, types, imports and messages without a translation
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tests.catalogue check

format: $(STAMP) ## format and mend what can be mended
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

catalogue: $(STAMP) ## bring the message catalogues up to date with the code
	@$(BIN)/python -m tests.catalogue update

bench: build ## the speed of what matters, as ratios to a floor of the same run; writes build/bench.json
	@ULTRAD_CACHE=$(CURDIR)/$(CACHE) $(BIN)/python -m tests.bench

lock: ## pin every dependency anew, by hash (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml -o requirements.lock
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml --group dev -o requirements-dev.lock

install: $(STAMP) ## into $(DESTDIR)$(PREFIX)/lib/ultrad, with the command in bin and an example configuration
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade \
	  --target "$(LIBDIR)" -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --upgrade \
	  --target "$(LIBDIR)" .
	@install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)/etc/ultrad"
	@printf '#!/bin/sh\nPYTHONPATH=%s exec %s -P -m ultrad "$$@"\n' "$(PREFIX)/lib/ultrad" "$(RUNTIME_PYTHON)" \
	  > "$(DESTDIR)$(PREFIX)/bin/ultrad"
	@chmod 0755 "$(DESTDIR)$(PREFIX)/bin/ultrad"
	@install -m 0644 etc/ultrad.toml "$(DESTDIR)/etc/ultrad/ultrad.toml.example"
	@echo "installed; next: write /etc/ultrad/ultrad.toml (see ultrad.toml.example), then: ultrad check && ultrad init"

clean: ## what was built
	@rm -rf $(VENV) $(CACHE) build
