.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/pytest --numprocesses auto --dist worksteal
COMPILE := .venv/uv/bin/uv pip compile --universal --generate-hashes --annotation-style line --quiet \
    --upgrade --custom-compile-command "make lock"
PROCESSOR := examples/processor/requirements

# Only from the command line: an ENV that happens to be in the environment selects nothing, a YES
# confirms nothing, a PROFILE is not meant for AWS, whose variable is AWS_PROFILE, and CI has its IMAGE.
TYPED := ENV IMAGE PROFILE YES
OPTIONS := BASE BUCKET COMMIT EXPRESS FOLLOW IGNORE IMAGE_TAG KMS_KEY LEFTOVERS LOG \
    OPEN_PULL_REQUESTS OPERATIONS PARAMETERS PULL_REQUEST REGION ROLE_ARN SINCE SKIP TARGET TTL \
    VERBOSE WITH_NETWORK
# A misspelt or unknown argument would act on another environment, account or Region.
ARGUMENTS := $(sort $(TYPED) $(OPTIONS) PYTHON SHELL)
UNKNOWN := $(strip $(foreach name,$(filter-out $(ARGUMENTS),$(.VARIABLES)),\
    $(if $(findstring command,$(origin $(name))),$(name))))
ifneq ($(UNKNOWN),)
$(error no such argument: $(UNKNOWN); the arguments are $(ARGUMENTS))
endif

# Arguments of make reach iot-pipeline in its environment, where neither make nor a shell expands
# them: a branch can have any name.
unexport $(TYPED) $(OPTIONS)
typed = $(if $(findstring command,$(origin $1)),$(value $1))
$(foreach name,$(OPTIONS),$(eval export IOT_PIPELINE_$(name) = $$(value $(name))))
$(foreach name,$(TYPED),$(eval export IOT_PIPELINE_$(name) = $$(call typed,$(name))))
ifneq ($(call typed,ENV),)
export ENVIRONMENT_SUFFIX = $(value ENV)
endif

COMMANDS := bootstrap review plan preflight deploy outputs status events list logs send \
    rollback destroy cancel sweep rehearse
EMULATOR := emulator-start emulator-stop emulator-status
.PHONY: help template $(COMMANDS) $(EMULATOR) test test-fast test-deployed lint check format \
    benchmark lock clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

template: .venv/dev.installed ## Render the templates and their documents, and lint changed templates
	@$(BIN)/python generate.py
	@$(MAKE) --no-print-directory .venv/linted

review: ## Show what the changes of this branch do to each environment type: BASE=
bootstrap: ## Set up the account, once in each Region: TARGET=aws|local REGION= PROFILE= PARAMETERS= YES=1
plan: ## Show what deploying ENV would change
preflight: ## Run the preflight checks of ENV
deploy: ## Create or update ENV: TARGET=aws|local REGION= PROFILE= IMAGE= IMAGE_TAG= PARAMETERS= TTL= EXPRESS=1 YES=1
outputs: ## Print the outputs of ENV
status: ## Show the state of ENV
events: ## Show the events of the last operation on ENV: FOLLOW=1 OPERATIONS=
list: ## Show all environments
logs: ## Print what the containers of ENV have logged: FOLLOW=1 SINCE=2h LOG=rotation
send: ## Send one reading to ENV
rollback: ## Deploy the previous image of ENV
destroy: ## Delete ENV
cancel: ## Cancel the update of ENV that is in progress
sweep: ## Show what nobody needs any more, and delete it: OPEN_PULL_REQUESTS=12,15 LEFTOVERS=1 YES=1
rehearse: ## Run the end-to-end scenario on a local AWS emulator of its own
emulator-start: ## Start the local AWS emulator, as TARGET=local does
emulator-stop: ## Stop the local AWS emulator, which forgets all environments
emulator-status: ## Show whether the local AWS emulator is running

ifneq ($(TARGET),aws)
rehearse: .venv/rehearsal.installed
endif
review: .venv/review.installed
ifeq ($(TARGET),local)
$(COMMANDS): .venv/local.installed
endif
emulator-start: .venv/local.installed

$(COMMANDS) $(EMULATOR): .venv/deployer.installed
	@$(BIN)/iot-pipeline $(subst emulator-,emulator ,$@)

test: .venv/dev.installed ## Run all tests
	$(PYTEST)

test-fast: .venv/dev.installed ## Run the tests that need no emulator and no server
	$(PYTEST) -m "not slow" --hypothesis-profile fast

test-deployed: .venv/dev.installed ## Test ENV as it is deployed: TARGET=aws|local REGION=
	@$(BIN)/pytest --deployed -rs --tb=short tests/deployed

lint: .venv/dev.installed ## Check formatting, style, types, imports, changed templates and workflows
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory .venv/linted
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --pedantic --quiet .github

check: lint ## Run everything that CI runs
	$(BIN)/python generate.py --check
	$(PYTEST) --cov

format: .venv/dev.installed ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

benchmark: .venv/dev.installed ## Measure rendering, reviewing, deploying and sending readings
	$(BIN)/python benchmarks/rendering.py
	$(BIN)/python benchmarks/review.py
	$(BIN)/python benchmarks/deployment.py
	$(BIN)/python benchmarks/environments.py
	$(BIN)/python benchmarks/calls.py
	$(BIN)/python benchmarks/readings.py

lock: ## Pin the newest versions in the lock files
	$(PYTHON) -m venv .venv/uv
	.venv/uv/bin/pip install --quiet uv==0.13.9
	$(COMPILE) pyproject.toml $(PROCESSOR).in --extra local --extra rehearsal --extra review \
	    --group dev --output-file requirements.txt
	$(COMPILE) $(PROCESSOR).in --constraint requirements.txt --output-file $(PROCESSOR).txt

clean: ## Remove generated files, and stop the local AWS emulator
	[ ! -x $(BIN)/iot-pipeline ] || $(BIN)/iot-pipeline emulator stop
	rm -rf .coverage* .emulator .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

.venv/%.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or \
	    sys.exit("make: %s is Python %s, 3.11 or newer is needed: make PYTHON=python3.11" \
	    % (sys.executable, sys.version.split()[0]))'
	@$(PYTHON) install.py $*

.venv/linted: $(wildcard templates/*.json parameters/*.json src/iot_pipeline_cfn/rules/*.py) \
    .cfnlintrc lint_templates.py requirements.txt
	@$(BIN)/cfn-lint templates/*.json
	@$(BIN)/python lint_templates.py
	@touch $@
