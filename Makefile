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
WORKERS ?= $(shell nproc)
# In a short directory: a socket's whole path has 107 bytes. It stays where a test fails.
PYTEST = base=`mktemp -d /tmp/u.XXXXXX` && ULTRAD_CACHE=$(CURDIR)/$(CACHE) $(BIN)/python -m pytest \
  -n $(WORKERS) --dist loadgroup --basetemp="$$base/t" $(COVERAGE)
PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR = $(DESTDIR)$(PREFIX)/lib/ultrad
# systemd looks under /usr/local/lib and /usr/lib; /etc is left to the administrator.
SYSTEMDLIB ?= $(if $(filter /usr,$(PREFIX)),/usr/lib,/usr/local/lib)
SYSTEMD = $(DESTDIR)$(SYSTEMDLIB)
RUNTIME_PYTHON ?= /usr/bin/python3
PIP = $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help build run test prove lint format bench catalogue lock install activate uninstall clean tools

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

test: build lint tools ## everything that must hold, in under ten minutes
	@$(PYTEST) && rm -rf "$$base"

prove: build lint tools ## the long form: every round, every order
	@$(PYTEST) -m "prove or not prove" --hypothesis-profile=fresh && rm -rf "$$base"

tools: # what tests of the installed service need: they boot a machine, which only root can
	@[ "`id -u`" = 0 ] && [ -e /etc/debian_version ] || exit 0; \
	missing=; for one in systemctl:systemd logrotate:logrotate unshare:util-linux; do \
	  command -v "$${one%:*}" >/dev/null || missing="$$missing $${one#*:}"; done; \
	[ -z "$$missing" ] || { echo "installing$$missing"; apt-get update -qq && \
	  apt-get install -y -qq --no-install-recommends $$missing >/dev/null; } || \
	  echo "could not install$$missing: tests that need it are skipped, or fail where CI=true"

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

bench: build tools ## the speed of what matters, as ratios to a floor of the same run; writes build/bench.json
	@ULTRAD_CACHE=$(CURDIR)/$(CACHE) $(BIN)/python -m tests.bench

lock: ## pin every dependency anew, by hash (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml -o requirements.lock
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml --group dev -o requirements-dev.lock

install: $(STAMP) ## program, units and example configuration under $(DESTDIR); live where DESTDIR is empty
	@"$(RUNTIME_PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(RUNTIME_PYTHON) must be Python 3.11 or newer. Try: make install RUNTIME_PYTHON=/usr/bin/python3.11"; exit 1; }
	@# Beside the old one, and then in its place: what an older version had must not stay, and a failure changes nothing.
	@rm -rf "$(LIBDIR).new" build/wheel
	@$(PIP) --python "$(RUNTIME_PYTHON)" install --quiet --require-hashes --no-deps --target "$(LIBDIR).new" \
	  -r requirements.lock
	@$(PIP) wheel --quiet --no-build-isolation --no-deps --wheel-dir build/wheel .
	@$(PIP) --python "$(RUNTIME_PYTHON)" install --quiet --no-deps --no-index --upgrade --target "$(LIBDIR).new" \
	  build/wheel/*.whl
	@rm -rf "$(LIBDIR).new/bin" && chmod -R u=rwX,go=rX "$(LIBDIR).new"
	@rm -rf "$(LIBDIR)" && mv "$(LIBDIR).new" "$(LIBDIR)"
	@install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)/etc/ultrad" "$(DESTDIR)/etc/logrotate.d" \
	  "$(SYSTEMD)/systemd/system" "$(SYSTEMD)/sysusers.d" "$(SYSTEMD)/tmpfiles.d"
	@printf '#!/bin/sh\nPYTHONPATH=%s exec %s -s -P -m ultrad "$$@"\n' "$(PREFIX)/lib/ultrad" "$(RUNTIME_PYTHON)" \
	  > "$(DESTDIR)$(PREFIX)/bin/ultrad"
	@chmod 0755 "$(DESTDIR)$(PREFIX)/bin/ultrad"
	@install -m 0644 etc/ultrad.toml "$(DESTDIR)/etc/ultrad/ultrad.toml.example"
	@for unit in ultrad.service ultrad-failure@.service ultrad-aside.socket ultrad-aside@.service; do \
	  sed 's|/usr/local|$(PREFIX)|' "systemd/$$unit" > "$(SYSTEMD)/systemd/system/$$unit"; \
	  chmod 0644 "$(SYSTEMD)/systemd/system/$$unit"; done
	@install -m 0644 systemd/sysusers.d/ultrad.conf "$(SYSTEMD)/sysusers.d/ultrad.conf"
	@install -m 0644 systemd/tmpfiles.d/ultrad.conf "$(SYSTEMD)/tmpfiles.d/ultrad.conf"
	@install -m 0644 etc/logrotate.d/ultrad "$(DESTDIR)/etc/logrotate.d/ultrad"
	@[ -n "$(DESTDIR)" ] || $(MAKE) --no-print-directory activate
	@printf '%s\n' "installed; next:" \
	  "  write /etc/ultrad/ultrad.toml (see ultrad.toml.example), and each secret into a file of its own (mode 0600)" \
	  "    in /etc/ultrad/credentials, named as the configuration names it" \
	  "  usermod --append --groups ultrad NAME    for each operator" \
	  "  sudo -u ultrad ultrad init               once" \
	  "  systemctl enable --now ultrad            after an update: systemctl restart ultrad"

activate: # make user and directories, and let systemd see the units: also after unpacking what DESTDIR took
	@systemd-sysusers "$(SYSTEMD)/sysusers.d/ultrad.conf"
	@systemd-tmpfiles --create "$(SYSTEMD)/tmpfiles.d/ultrad.conf"
	@[ ! -d /run/systemd/system ] || systemctl daemon-reload

uninstall: ## stop the service and remove the program; state, logs and configuration stay
	@[ -n "$(DESTDIR)" ] || [ ! -d /run/systemd/system ] || systemctl disable --quiet --now ultrad.service ultrad-aside.socket || true
	@rm -rf "$(LIBDIR)" "$(LIBDIR).new"
	@rm -f "$(DESTDIR)$(PREFIX)/bin/ultrad" "$(SYSTEMD)/systemd/system/ultrad.service" \
	  "$(SYSTEMD)/systemd/system/ultrad-failure@.service" "$(SYSTEMD)/systemd/system/ultrad-aside.socket" \
	  "$(SYSTEMD)/systemd/system/ultrad-aside@.service" "$(SYSTEMD)/sysusers.d/ultrad.conf" \
	  "$(SYSTEMD)/tmpfiles.d/ultrad.conf" "$(DESTDIR)/etc/logrotate.d/ultrad" "$(DESTDIR)/etc/ultrad/ultrad.toml.example"
	@[ -n "$(DESTDIR)" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload
	@printf '%s\n' "removed; kept: /var/lib/ultrad (journal, flag), /var/log/ultra, /etc/ultrad (configuration, secrets)," \
	  "  and the user ultrad, who owns them"

clean: ## what was built
	@rm -rf $(VENV) $(CACHE) build
