# Everything starts here: `make run` starts the service, `make test` tests it.
# Needs GNU make and Python 3.11 or newer; uv is used where it is found.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BIN := $(VENV)/bin
UV ?= $(shell command -v uv 2>/dev/null)

# The first Python that is new enough. A name that a version manager only pretends to have fails here.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$name && break; done)

# Arguments for pytest: make test ARGS="tests/users -k paging"
ARGS ?=
# Parallel test processes, by default half as many again as cores; 0 runs in one process (for a debugger).
JOBS ?= auto

# Where the services live that the benchmark compares with.
PEERS := build/peers

export PYTHONPATH := src
unexport VIRTUAL_ENV

SOURCES := $(wildcard src tests trials bench migrations docs wsgi.py gunicorn.conf.py)
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --maxprocesses=4 --dist=worksteal

##@ Use
.PHONY: run
run: $(VENV)/runtime.lock  ## Start the service on HOST:PORT (127.0.0.1:8000); everything it needs is made
	@exec $(BIN)/python -m gatehouse.cli.start

.PHONY: production
production: $(VENV)/runtime.lock  ## Make the environment of a server in .venv: what runs, nothing to develop with
	@echo "$(VENV) is ready: $(BIN)/flask --help"

.PHONY: install
install: $(VENV)/dev.lock  ## Make the environment for development in .venv
	@echo "$(VENV) is ready: $(BIN)/flask --help"

##@ Test
.PHONY: test
test: $(VENV)/dev.lock  ## Test on SQLite, PostgreSQL and Redis (about 7 minutes on two cores)
	$(PYTEST) -m "not full and not trial" $(ARGS)

.PHONY: test-full
test-full: $(VENV)/full.lock  ## Test everything but the trials: fuzzing, large tables too (at most 60 minutes)
	$(PYTEST) -m "not trial" $(ARGS)

.PHONY: trial
trial: $(VENV)/full.lock  ## Run one trial: make trial NAME=kill_workers (without NAME: list them)
	@$(BIN)/python trials $(NAME) $(ARGS)

##@ Measure
.PHONY: bench
bench: $(VENV)/dev.lock $(PEERS)/lock  ## Measure beside the peers; writes docs/benchmark.md (at most 30 minutes)
	@$(BIN)/python -m bench $(ARGS)

.PHONY: bench-quick
bench-quick: $(VENV)/dev.lock $(PEERS)/lock  ## The same in small, printed only (at most 3 minutes)
	@$(BIN)/python -m bench --quick $(ARGS)

##@ Check
.PHONY: check
check: $(VENV)/dev.lock  ## Everything that needs no server: lint, format, types, imports, security
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml src wsgi.py gunicorn.conf.py

.PHONY: lint
lint: $(VENV)/dev.lock  ## Find mistakes (ruff) and imports in the wrong direction
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(VENV)/dev.lock  ## Write the code in the house style
	$(BIN)/ruff check --fix --exit-zero --silent $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

.PHONY: typecheck
typecheck: $(VENV)/dev.lock  ## Check the types (mypy, strict)
	$(BIN)/mypy

.PHONY: hooks
hooks: $(VENV)/full.lock  ## Let git run `make check` before each commit (pre-commit)
	$(BIN)/pre-commit install

##@ Upkeep
.PHONY: openapi
openapi: $(VENV)/dev.lock  ## Write the API description to docs/openapi.json (a test compares it)
	@$(BIN)/flask openapi --output docs/openapi.json

.PHONY: generate
generate: openapi  ## Write what is made from the code: API description, errors, settings, lists
	@$(BIN)/python -m gatehouse.settings.example > .env.example
	@$(BIN)/python -m gatehouse.settings.example --markdown > docs/settings.md
	@$(BIN)/python -m gatehouse.pages.markdown docs
	@$(BIN)/python docs/site/decisions.py

.PHONY: docs
docs: $(VENV)/full.lock  ## Build the site of docs/ into build/site; takes 3 minutes the first time
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@$(BIN)/python docs/site/check.py build/site
	@echo "open build/site/index.html"

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-strip-extras --custom-compile-command "make lock"

.PHONY: lock
lock: $(VENV)/dev.lock  ## Lock the dependencies anew, with hashes (UPGRADE=1: to their newest versions)
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements.in -o requirements.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements-dev.in -o requirements-dev.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements-full.in -o requirements-full.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements-azure.in -o requirements-azure.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) bench/requirements.in -o bench/requirements.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --no-deps requirements-servers.in -o requirements-servers.txt

.PHONY: clean
clean:  ## Remove the environment and what tools left behind; instance/ stays
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* src/*.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .schemathesis
	find src tests trials migrations -type d -name __pycache__ -prune -exec rm -rf {} +

.PHONY: help
help:  ## Show this text
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z][a-z-]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo

# The stamp is a copy of the lock that was installed: a touched or re-cloned file costs a
# comparison, only another content costs an installation.
$(VENV)/runtime.lock: requirements.txt | $(BIN)/python
	@cmp -s $< $@ || cmp -s requirements-dev.txt $(VENV)/dev.lock || $(call install,$<)
	@cp $< $@

$(VENV)/dev.lock: requirements-dev.txt | $(BIN)/python
	@cmp -s $< $@ || $(call install,$<)
	@cp $< $@ && cp requirements.txt $(VENV)/runtime.lock

$(VENV)/full.lock: requirements-full.txt $(VENV)/dev.lock
	@cmp -s $< $@ || $(call install,$<)
	@cp $< $@

$(PEERS)/lock: bench/requirements.txt $(VENV)/dev.lock
	@cmp -s $< $@ || { rm -rf $(PEERS) && mkdir -p $(dir $(PEERS)) && $(BIN)/python -m venv --without-pip $(PEERS) && \
		echo "Installing $< into $(PEERS) ..." && \
		$(BIN)/uv pip install --quiet --python $(PEERS)/bin/python --require-hashes -r $<; }
	@cp $< $@

install = { echo "Installing $(1) into $(VENV) ..." && \
	$(if $(UV),VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --require-hashes -r $(1),\
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)); }

# The .pth file puts src/ on the path of this environment: `.venv/bin/flask users list` just works.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found."; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(if $(UV),$(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV),\
		$(PYTHON) -m venv $(VENV)) || { \
		echo "No environment could be made. Debian and Ubuntu: apt install python3-venv"; \
		rm -rf $(VENV); exit 1; }
	@$@ -c 'import pathlib, sysconfig; \
		pathlib.Path(sysconfig.get_path("purelib"), "gatehouse.pth").write_text(str(pathlib.Path("src").resolve()) + "\n")'
