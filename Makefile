# The everyday commands. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
JOBS ?= 2
SHOWCASE := flows/showcase
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test check servers bench soak docs screenshots texts wheel

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## ?(.*)/make \1|\2/' | column -t -s '|'

setup: system-qt $(READY) ## prepare .venv with tisserand in it, and the system packages that Qt needs
	@echo "Ready: $(VENV)/bin/tisserand --help"

.PHONY: system-qt
system-qt:
	@if [ "$$(uname -s)" = Linux ]; then packaging/system-packages.sh packaging/system-packages-qt.txt "the Qt window"; fi

# The stamp lies inside the environment, so that removing .venv makes it again; it is older than pyproject.toml when that changes.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Tisserand needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@test -x $(PY) || { echo "Making $(VENV) with $$($(PYTHON) --version) …"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing tisserand and its tools into $(VENV) (a minute or two the first time) …"
	@# Debian 12's pip (23.0) knows no dependency groups: a newer one first.
	@$(PY) -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

run: setup ## the designer on the showcase; without a display, a showcase flow in the terminal
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname -s)" = Darwin ]; then \
	  echo "Opening the designer on $(SHOWCASE) …"; \
	  exec $(PY) -m tisserand.ui $(SHOWCASE); \
	else \
	  echo "No display here (DISPLAY and WAYLAND_DISPLAY are empty): running the showcase flow “latest-airlines” in the terminal instead."; \
	  $(VENV)/bin/tisserand run $(SHOWCASE)/flows/latest-airlines.yaml && \
	  echo "Written to $(SHOWCASE)/out. Others to try: $$(cd $(SHOWCASE)/flows && ls *.yaml | tr '\n' ' ')"; \
	fi

check: setup ## ruff, mypy, import-linter
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test: check ## all checks, then all tests; says at the end what was skipped for want of a server
	QT_QPA_PLATFORM=$${QT_QPA_PLATFORM:-offscreen} $(PY) -m pytest -q -n $(JOBS) --dist loadfile -m "not bench and not soak" $(PYTEST_ARGS)

servers: ## install the servers that tests start privately (autostart blocked), and a virtual screen
	@packaging/system-packages.sh packaging/system-packages-servers.txt "the tests' servers"
	@packaging/npm-tools.sh $(VENV)/npm-tools

bench: setup ## speed and memory against other tools; writes tests/bench/reports/<date>.md
	$(PY) tests/bench/run.py

soak: setup ## the long tests
	QT_QPA_PLATFORM=$${QT_QPA_PLATFORM:-offscreen} $(PY) -m pytest -q -m soak --timeout 3600 $(PYTEST_ARGS)

texts: setup ## gather the texts into the catalogues, compile them, name those without a translation
	$(PY) packaging/texts.py update

docs: setup ## write the pages of resources/docs that are derived from the program
	$(PY) packaging/docs.py write

screenshots: setup ## pictures of the designer for the README and for a look
	QT_QPA_PLATFORM=$${QT_QPA_PLATFORM:-offscreen} $(PY) tests/ui/screenshots.py

wheel: setup ## dist/tisserand-*.whl
	$(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
