.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
BIN := .venv/bin
UV := uv==0.13.9
# The directories are listed too: removing or renaming a file in one changes its time.
SOURCES := generate.py src/iot_pipeline_cfn $(wildcard src/iot_pipeline_cfn/*.py)
TEMPLATES := templates $(wildcard templates/*.json)

.PHONY: help
help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: template
template: .venv/linted ## Render the templates and lint them, where something changed

.PHONY: test
test: .venv/installed ## Run the tests
	$(BIN)/pytest

.PHONY: lint
lint: .venv/installed ## Check formatting, style and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

.PHONY: stale
stale: .venv/installed ## Check that the templates are as rendered
	$(BIN)/python generate.py --check

.PHONY: check
check: lint stale test ## Everything that CI runs; cfn-lint is one of the tests

.PHONY: format
format: .venv/installed ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: benchmark
benchmark: .venv/installed ## Measure rendering against importing troposphere
	$(BIN)/python benchmarks/rendering.py

.PHONY: lock
lock: .venv/installed ## Pin the newest versions in requirements.lock
	$(BIN)/pip install --quiet --target .venv/uv --upgrade $(UV)
	.venv/uv/bin/uv pip compile pyproject.toml --group dev --universal --upgrade --generate-hashes \
	    --no-annotate --custom-compile-command "make lock" --quiet --output-file requirements.lock

.PHONY: clean
clean: ## Remove what make has made
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or \
	    sys.exit("make: %s is Python %d.%d, 3.11 or newer is needed: make PYTHON=python3.11" \
	    % (sys.executable, *sys.version_info[:2]))'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

templates:
	mkdir $@

.venv/rendered: .venv/installed $(SOURCES) $(TEMPLATES)
	$(BIN)/python generate.py
	touch $@

# Holds what was linted last: rendering anew does not mean that a template has changed.
.venv/linted: .venv/rendered .cfnlintrc
	@cat .cfnlintrc requirements.lock templates/*.json > $@.new
	cmp -s $@.new $@ || $(BIN)/cfn-lint templates/*.json
	@mv $@.new $@
