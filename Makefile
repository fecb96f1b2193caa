.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
BIN := .venv/bin
UV := uv==0.13.9
COMPILE := .venv/uv/bin/uv pip compile --universal --generate-hashes --no-annotate --quiet \
    --custom-compile-command "make lock"
# What the example needs is named there, installed into its image, and tested here.
PROCESSOR := examples/processor/requirements
# The directories are listed too: removing or renaming a file in one changes its time.
SOURCES := generate.py $(wildcard parameters parameters/*.json \
    $(foreach package,cli review review/report stack template, \
    $(foreach directory,src/iot_pipeline_cfn/$(package), $(directory) $(directory)/*.py $(directory)/*.json)))
TEMPLATES := templates $(wildcard templates/*.json templates/*.md)

.PHONY: help
help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: template
template: .venv/linted ## Render the templates and their documents, and lint them, where something changed

# What is given to these goes to iot-pipeline in its environment, where no shell reads it and make
# does not expand it: the name of a branch can be anything.
unexport BASE BUCKET ENV IGNORE IMAGE_TAG PARAMETERS REGION TARGET YES
export IOT_PIPELINE_BASE = $(value BASE)
export IOT_PIPELINE_BUCKET = $(value BUCKET)
export IOT_PIPELINE_IGNORE = $(value IGNORE)
export IOT_PIPELINE_IMAGE_TAG = $(value IMAGE_TAG)
export IOT_PIPELINE_PARAMETERS = $(value PARAMETERS)
export IOT_PIPELINE_REGION = $(value REGION)
export IOT_PIPELINE_TARGET = $(value TARGET)
# Not what somebody else has left in the environment.
export IOT_PIPELINE_YES = $(if $(findstring command,$(origin YES)),$(value YES))
ifneq ($(value ENV),)
export ENVIRONMENT_SUFFIX = $(value ENV)
endif

.PHONY: review
review: .venv/installed ## Show what the changes of this branch do to each kind of environment: BASE=
	@$(BIN)/iot-pipeline $@

.PHONY: plan
plan: .venv/installed ## Show what deploying ENV would change
	@$(BIN)/iot-pipeline $@

.PHONY: preflight
preflight: .venv/installed ## Check what can be known before deploying ENV
	@$(BIN)/iot-pipeline $@

.PHONY: deploy
deploy: .venv/installed ## Bring ENV up or up to date: TARGET=aws|local REGION= IMAGE_TAG= PARAMETERS= BUCKET= YES=1
	@$(BIN)/iot-pipeline $@

.PHONY: outputs
outputs: .venv/installed ## Print the outputs of ENV
	@$(BIN)/iot-pipeline $@

.PHONY: status
status: .venv/installed ## Show where ENV stands
	@$(BIN)/iot-pipeline $@

.PHONY: events
events: .venv/installed ## Show the events of the last operation on ENV
	@$(BIN)/iot-pipeline $@

.PHONY: list
list: .venv/installed ## Show all environments
	@$(BIN)/iot-pipeline $@

.PHONY: destroy
destroy: .venv/installed ## Delete ENV
	@$(BIN)/iot-pipeline $@

.PHONY: cancel
cancel: .venv/installed ## Cancel the update of ENV that is in progress
	@$(BIN)/iot-pipeline $@

.PHONY: rehearse
rehearse: .venv/installed ## Take an environment through its whole life, on an embedded AWS of its own
	@$(BIN)/iot-pipeline $@

.PHONY: emulator-start
emulator-start: .venv/installed ## Start the embedded AWS, which TARGET=local does by itself
	@$(BIN)/iot-pipeline $(subst -, ,$@)

.PHONY: emulator-stop
emulator-stop: .venv/installed ## Stop the embedded AWS; it forgets all environments
	@$(BIN)/iot-pipeline $(subst -, ,$@)

.PHONY: emulator-status
emulator-status: .venv/installed ## Show whether the embedded AWS runs
	@$(BIN)/iot-pipeline $(subst -, ,$@)

.PHONY: test
test: .venv/installed ## Run the tests
	$(BIN)/pytest --numprocesses auto

.PHONY: test-fast
test-fast: .venv/installed ## Run the tests that need no emulator and no server
	$(BIN)/pytest --numprocesses auto -m "not slow"

.PHONY: integration
integration: .venv/installed ## Test ENV as it is deployed: TARGET=aws|local REGION=
	@$(BIN)/pytest --deployed -rs --tb=short tests/deployed

.PHONY: lint
lint: .venv/installed ## Check formatting, style, types and workflows
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --pedantic --quiet .github

.PHONY: stale
stale: .venv/installed ## Check that templates and documents are as rendered
	$(BIN)/python generate.py --check

.PHONY: check
check: lint stale test ## Everything that CI runs; cfn-lint is one of the tests

.PHONY: format
format: .venv/installed ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: benchmark
benchmark: .venv/installed ## Measure rendering, deploying, sending readings and reviewing
	$(BIN)/python benchmarks/rendering.py
	$(BIN)/python benchmarks/deployment.py
	$(BIN)/python benchmarks/readings.py
	$(BIN)/python benchmarks/review.py

.PHONY: lock
lock: .venv/installed ## Pin the newest versions in requirements.lock
	$(BIN)/pip install --quiet --target .venv/uv --upgrade $(UV)
	$(COMPILE) pyproject.toml $(PROCESSOR).in --extra local --extra rehearsal --extra review --group dev \
	    --upgrade --output-file requirements.lock
	$(COMPILE) $(PROCESSOR).in --constraint requirements.lock --upgrade --output-file $(PROCESSOR).txt

.PHONY: clean
clean: ## Remove what make has made, the embedded AWS included
	[ ! -x $(BIN)/iot-pipeline ] || $(BIN)/iot-pipeline emulator stop
	rm -rf .emulator .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache

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
