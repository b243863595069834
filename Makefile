# A clone needs only make, git and Python 3.11 or later. Every target sets up what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

UV_VERSION := 0.13.9
BOOTSTRAP_PYTHON ?= python3
UV := .uv/bin/uv
UV_PACKAGE := --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
VENV := .venv
BIN := $(VENV)/bin
# The architecture of the functions (x86_64 or arm64), as in the template's parameter of that name.
ARCHITECTURE ?= x86_64
PYTEST_ARGS ?=

# Measuring coverage makes tests two to three times as slow. Tests of the devkit, plugins and repository are not measured,
# nor are those named here, which run whole functions over AWS, start many processes or repeat much: the measured tests
# reach the same code. None of the unmeasured service tests uses DynamoDB Local, because each part with such a test
# starts a Java virtual machine.
MEASURED_FOLDERS := $(addprefix tests/,pure/client pure/core pure/security process/client process/core process/sandbox)
UNMEASURED_SERVICES := $(addprefix tests/service/test_,deploy_command.py deployed_command.py events.py keys_command.py \
  moto_tables.py openapi_answers.py permissions.py tenancy.py tenant_jobs.py)
UNMEASURED := tests/pure/core/test_item_properties.py tests/process/client/test_client_typing.py \
  $(wildcard $(addprefix tests/process/sandbox/test_,confined_network.py elsewhere.py gone.py hostile_*.py idle.py leaks.py \
  missing_confinement.py residue.py reuse.py seccomp.py self_check.py stopped_runs.py)) \
  $(addprefix tests/process/core/test_,function_imports.py plugin_names.py registry_audit.py snapshots.py validation_memory.py)
IGNORE_MEASURED := $(addprefix --ignore=,$(MEASURED_FOLDERS))
OTHERS := $(filter-out $(MEASURED_FOLDERS) %/__pycache__,$(patsubst %/,%,$(wildcard tests/process/*/ tests/process/test_*.py)))
# Tests that share a stack, and those that start others or none. The soak test is left to `make soak`, because the tests
# of the shared stack also compare its counters with its jobs at the end.
SHARED_STACK := tests/stack --ignore=tests/stack/own
OWN_STACKS := tests/stack/own tests/exhaustive --ignore=tests/exhaustive/test_soak.py
# Test files with a sample and a full volume.
REPEATED = $(shell grep -rlE --include='test_*.py' 'from (tests.volume|hypothesis) import' tests)

export UV_PROJECT_ENVIRONMENT := $(VENV)
export SAM_CLI_TELEMETRY := 0
# If it is set, each of the hundreds of processes that tests start compiles the sources again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(UV):
	@command -v $(BOOTSTRAP_PYTHON) >/dev/null || { echo "make: needs a Python 3.11 or later as $(BOOTSTRAP_PYTHON)"; exit 1; }
	@# Installing pip first takes longer than uv. Not every Python has a pip that can install elsewhere.
	$(BOOTSTRAP_PYTHON) -m venv --without-pip .uv
	$(BOOTSTRAP_PYTHON) -m pip --python .uv install $(UV_PACKAGE) 2>/dev/null || \
	  { $(BOOTSTRAP_PYTHON) -m venv --clear .uv && .uv/bin/python -m pip install $(UV_PACKAGE); }

# uv finds Python 3.13 or downloads it.
$(VENV)/.installed: $(UV) requirements/dev.txt layers/runtime/pyproject.toml layers/plugins/pyproject.toml client/pyproject.toml devkit/pyproject.toml
	@test -x $(BIN)/python || $(UV) venv --quiet $(VENV)
	$(UV) pip sync --quiet --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --no-deps --no-build-isolation -e layers/runtime -e layers/plugins -e client -e devkit
	@# Compiles what the local stack imports, so that its first start takes no longer than others. Other modules are
	@# compiled when they are first imported, which most modules of the environment never are.
	$(BIN)/python -c "import interlock_dev.commands.serving, numpy, PIL.Image, tesserocr"
	@touch $@

.PHONY: setup
setup: $(VENV)/.installed ## sets up the environment in .venv; the command is .venv/bin/interlock

# Tools with conflicting dependencies have separate environments, described by requirements/tools/NAME.in. The peers of
# the bench are compiled like the layers, because that is part of a cold start.
.tools/%/.installed: requirements/tools/%.txt $(VENV)/.installed
	$(UV) venv --quiet --clear --python $(BIN)/python .tools/$*
	VIRTUAL_ENV=.tools/$* $(UV) pip sync --quiet --require-hashes $<
	$(if $(filter bench,$*),.tools/$*/bin/python -m compileall -q --invalidation-mode unchecked-hash .tools/$*/lib)
	@touch $@

.PHONY: demo
demo: setup ## runs the main job on real images through the local stack
	@$(BIN)/interlock demo

.PHONY: dev
dev: setup ## serves the local stack on http://127.0.0.1:3000
	@$(BIN)/interlock dev

.PHONY: check
check: lint types contracts scan prose validate ## ruff, mypy strict, import contracts, scanner, prose, template

.PHONY: lint
lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check --quiet

.PHONY: types
types: setup
	$(BIN)/mypy

.PHONY: contracts
contracts: setup
	$(BIN)/lint-imports --no-logo

.PHONY: scan
scan: setup
	$(BIN)/python scripts/scan_execution_violations.py

.PHONY: validate
validate: setup
	$(BIN)/sam validate --lint

.PHONY: diagram
diagram: setup ## draws the packages and their imports into docs/architecture.md
	$(BIN)/python -m tools.diagram

.PHONY: recording
recording: setup ## records the demo as the picture in the README
	$(BIN)/python -m tools.recording

.PHONY: docs
docs: setup .tools/docs/.installed ## builds the documentation as a website into build/site
	$(BIN)/python -m tools.docs_site
	.tools/docs/bin/zensical build --strict

.PHONY: prose
prose: setup ## measures how much prose breaks the rules for plain English; at most 2 % may
	$(BIN)/python tools/prose_check.py

.PHONY: audit
audit: audit-template audit-locks ## checkov on the template, pip-audit on the locks

# Offline, with the checks that checkov ships. The reasons for skipped checks are in .checkov.yaml and template.yaml.
.PHONY: audit-template
audit-template: .tools/checkov/.installed
	.tools/checkov/bin/checkov --config-file .checkov.yaml

# Asks PyPI for known vulnerabilities. Also fails if a package cannot be looked up.
.PHONY: audit-locks
audit-locks: .tools/pip-audit/.installed
	for lock in runtime plugins dev; do .tools/pip-audit/bin/pip-audit --strict --disable-pip --require-hashes \
	  --progress-spinner off -r requirements/$$lock.txt || exit 1; done

# Two at a time: on two cores the slow ones (mypy, sam build) overlap with the rest.
GATES := $(MAKE) --no-print-directory --jobs 2 --output-sync=target
# Runs tests in the given number of processes. Each process starts the servers and stacks that its tests share.
PYTEST = $(BIN)/pytest -n $(1) --dist loadgroup
# CPU-bound tests run in parts, with one process for each part: a process imports what all the tests of its part import,
# from SAM CLI to moto. `PYTEST_ARGS` may select no test of a part.
PYTEST_PART = $(BIN)/pytest $(1) $(PYTEST_ARGS) $(if $(PYTEST_ARGS),|| [ $$? = 5 ])

.PHONY: quick
quick: setup ## ruff, mypy, import contracts, scanner and the pure tests: under a minute
	@$(GATES) types part-pure-framework part-pure-others lint contracts scan

# The table of characters from which Hypothesis generates text. Without the file, each process computes the table.
.hypothesis/unicode_data: | $(VENV)/.installed
	$(BIN)/python -c "from hypothesis import strategies; strategies.text().validate()"

PARTS := $(addprefix part-,pure-framework pure-others others services measured-framework measured-services shared-stack own-stacks)
.PHONY: $(PARTS) part-measured
$(PARTS): .hypothesis/unicode_data
part-pure-framework: setup
	$(call PYTEST_PART,$(filter tests/pure/%,$(MEASURED_FOLDERS)))
part-pure-others: setup
	$(call PYTEST_PART,tests/pure $(IGNORE_MEASURED))
part-others: setup
	$(call PYTEST_PART,$(OTHERS) $(UNMEASURED))
part-services: setup
	$(call PYTEST_PART,$(UNMEASURED_SERVICES))
part-measured-framework: setup
	$(call MEASURE,framework,$(MEASURED_FOLDERS))
part-measured-services: setup
	$(call MEASURE,services,tests/service)
# Each of the two processes starts a stack for all its tests.
part-shared-stack: setup stack-tools
	$(call PYTEST_PART,-n 2 --dist loadgroup $(SHARED_STACK))
part-own-stacks: setup stack-tools
	$(call PYTEST_PART,$(OWN_STACKS))
part-measured: part-measured-framework part-measured-services
	$(BIN)/coverage combine --quiet .coverage.framework .coverage.services
	$(BIN)/coverage xml --quiet
	$(BIN)/coverage report --fail-under=92
# Measures the coverage of tests into a separate file.
define MEASURE
rm -f .coverage .coverage.$(1)*
COVERAGE_FILE=.coverage.$(1) $(call PYTEST_PART,$(2) $(addprefix --ignore=,$(UNMEASURED) $(UNMEASURED_SERVICES)) --cov --cov-branch --cov-report=)
endef

# Three parts at a time, which are four test processes: the tests of the stack wait for leases, starts and stops a third
# of the time. With a fifth process, each takes a fifth more processor time. The longest parts come first and the short
# checks last: otherwise one core is idle at the end.
.PHONY: test
test: setup stack-tools .hypothesis/unicode_data ## everything that a change needs, with samples of the repetitive tests: seven to ten minutes
	@$(GATES) --jobs 3 --keep-going part-shared-stack part-own-stacks part-others part-measured-framework part-pure-others part-measured part-services check audit-template build scale-check

.PHONY: test-gates
test-gates: setup
	@$(GATES) check audit-template build scale-check

.PHONY: test-units
test-units: setup
	@$(GATES) part-others part-measured-framework part-pure-others part-measured part-services

.PHONY: stack-tools
stack-tools: .tools/schemathesis/.installed .tools/client/.installed

.PHONY: test-stack
test-stack: setup stack-tools
	@$(GATES) part-shared-stack part-own-stacks

# The suite and the Inspector of the Model Context Protocol; vite, which the Inspector does not use here, is pinned because
# later versions need a package that not all registries have. `npm install --package-lock-only --omit-lockfile-registry-resolved` in
# tests/mcp locks another version.
.tools/mcp/.installed: tests/mcp/package-lock.json
	mkdir -p .tools/mcp
	cp tests/mcp/package.json tests/mcp/package-lock.json .tools/mcp
	npm ci --prefix .tools/mcp --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

.PHONY: test-mcp
test-mcp: setup .tools/mcp/.installed ## the conformance suite and the Inspector of the Model Context Protocol; needs npm
	$(BIN)/python -m tests.mcp

.PHONY: test-exhaustive
test-exhaustive: faults fuzz soak ## every crash point, order, race and fuzzed case, not a sample of them

.PHONY: faults
faults: setup ## all crash points, orders, races, guesses and mutations of the scanner
	@# The file with the longest test first.
	INTERLOCK_TEST_VOLUME=full $(call PYTEST,3) --require-counts tests/service/test_counting.py tests/exhaustive tests/service $(REPEATED) \
	  --deselect tests/exhaustive/test_schemathesis.py --deselect tests/exhaustive/test_soak.py $(PYTEST_ARGS)
	HOSTILE_ISOLATION=run $(call PYTEST,2) tests/stack/test_hostile_*.py $(PYTEST_ARGS)

.PHONY: fuzz
fuzz: setup .tools/schemathesis/.installed ## Schemathesis on the served document, at least 2,000 cases
	INTERLOCK_TEST_VOLUME=full $(BIN)/pytest -s tests/exhaustive/test_schemathesis.py

.PHONY: soak
soak: setup ## 2,000 mixed executions at concurrency 16, after which health must equal the jobs
	INTERLOCK_TEST_VOLUME=full $(BIN)/pytest -s tests/exhaustive/test_soak.py

# Number of executions of the load, and of concurrent callers.
EXECUTIONS ?= 20000
CALLERS ?= 16

.PHONY: load
load: setup .tools/locust/.installed ## 20,000 mixed executions: latencies, throughput, no error, no growth; EXECUTIONS=N for fewer
	$(BIN)/python -m tests.load --executions $(EXECUTIONS) --callers $(CALLERS)

# The framework below `src` and its pure tests with what they read, as mutmut wants to find them.
MUTATION := build/mutation

.PHONY: mutation
mutation: .tools/mutmut/.installed ## mutates the domain, the JobService and the ToolRunner: the tests must kill 93 %
	rm -rf $(MUTATION)
	mkdir -p $(MUTATION)/src $(MUTATION)/tests/pure
	cp -R pyproject.toml docs $(MUTATION)
	cp -R layers/runtime/interlock $(MUTATION)/src
	cp -R tests/__init__.py tests/fakes $(addprefix tests/,examples.py volume.py documented.py forbidden_urls.py) $(MUTATION)/tests
	cp -R tests/pure/__init__.py tests/pure/conftest.py tests/pure/core $(MUTATION)/tests/pure
	cd $(MUTATION) && $(CURDIR)/.tools/mutmut/bin/mutmut run
	cd $(MUTATION) && $(CURDIR)/.tools/mutmut/bin/mutmut export-cicd-stats
	$(BIN)/python scripts/mutation_score.py $(MUTATION)/mutants/mutmut-cicd-stats.json

.PHONY: test-deploy
test-deploy: build .tools/ministack/.installed ## deploys the real template to a local AWS with sam, and calls what it serves
	timeout --kill-after=30 600 $(BIN)/pytest tests/deploy $(PYTEST_ARGS)

.PHONY: bench
bench: build .tools/bench/.installed ## what Interlock costs, as ratios to functions without it: 8 minutes, or QUICK=1
	$(BIN)/python -m bench $(if $(QUICK),--quick)

.PHONY: gate
gate: build .tools/bench/.installed ## compares instructions, requests and units with bench/gate.json; needs valgrind
	$(BIN)/python -m bench.gate

.PHONY: gate-update
gate-update: build .tools/bench/.installed ## writes the counts into bench/gate.json
	$(BIN)/python -m bench.gate --update

.PHONY: bench-cancel
bench-cancel: setup ## how soon the process of a cancelled job is gone
	$(BIN)/python -m bench.cancelling

.PHONY: scale
scale: .tools/scale/.installed ## limits and costs up to 10,000 executions a second, into docs/scale.md
	.tools/scale/bin/python -m bench.scale

.PHONY: scale-check
scale-check: .tools/scale/.installed
	.tools/scale/bin/python -m bench.scale --check

.PHONY: openapi
openapi: setup ## writes the OpenAPI document
	$(BIN)/python -m interlock_dev.openapi > build-openapi.json
	mv build-openapi.json layers/runtime/interlock/http/openapi.json

.PHONY: vendor
vendor: setup ## vendors the console's libraries from npm, as layers/runtime/interlock/http/static/vendor/sources.json says
	$(BIN)/python tools/vendor_console.py

.PHONY: console-picture
console-picture: setup ## takes the picture of the console in docs, from a real run; needs Chromium
	$(BIN)/python -m tests.stack.console.picture docs/console.png

.PHONY: mcp-transcript
mcp-transcript: setup ## records an agent that uses tools into docs/mcp.md, from a real run
	$(BIN)/python -m tests.stack.mcp_transcript

.PHONY: lint-openapi
lint-openapi: ## Redocly's rules on the OpenAPI document; needs Node.js
	npx --yes @redocly/cli@2.77.0 lint layers/runtime/interlock/http/openapi.json

.PHONY: clean
clean: ## removes what was built and set up
	rm -rf .aws-sam .interlock .venv .tools .uv build .coverage* coverage.xml .*_cache

# Folders of plugin projects to build into the layer, besides the shipped plugins.
PLUGINS ?=
override PLUGINS := $(abspath $(PLUGINS))

.PHONY: build
build: .aws-sam/.built-$(ARCHITECTURE) ## builds what is deployed into .aws-sam/build, and prints the layers' size; PLUGINS=PATH adds projects
	@$(BIN)/python -m interlock_dev.build.layer_size .aws-sam/build

# Built again when something that goes into it has changed.
.aws-sam/.built-$(ARCHITECTURE): $(VENV)/.installed template.yaml requirements/runtime.txt requirements/plugins.txt \
    $(shell find layers functions -type f -not -path '*/__pycache__/*' -not -path '*.egg-info/*') $(if $(PLUGINS),always)
	PATH="$(CURDIR)/$(BIN):$$PATH" ARCHITECTURE=$(ARCHITECTURE) PLUGINS="$(PLUGINS)" $(BIN)/sam build --parameter-overrides Architecture=$(ARCHITECTURE)
	@$(BIN)/python -m interlock_dev.build.pin_architecture .aws-sam/build $(ARCHITECTURE)
	@$(BIN)/python -m compileall -q --invalidation-mode unchecked-hash .aws-sam/build/*Function
	@rm -f .aws-sam/.built-* $(if $(PLUGINS),,&& touch $@)

.PHONY: always
always:

.PHONY: lock
lock: $(UV) ## resolves the dependencies into requirements/; UPGRADE=--upgrade for newer ones
	$(UV) pip compile pyproject.toml --group dev $(LOCK_FLAGS) -o requirements/dev.txt
	$(UV) pip compile layers/runtime/pyproject.toml $(LOCK_FLAGS) -c requirements/dev.txt -o requirements/runtime.txt
	$(UV) pip compile layers/plugins/pyproject.toml $(LOCK_FLAGS) -c requirements/dev.txt -o requirements/plugins.txt \
	  $$(sed -nE 's/^([a-z0-9-]+)==.*/--no-emit-package \1/p' requirements/runtime.txt)
	for tool in requirements/tools/*.in; do $(UV) pip compile "$$tool" $(LOCK_FLAGS) --python-version 3.13 -o "$${tool%.in}.txt" || exit 1; done
LOCK_FLAGS = $(UPGRADE) --quiet --universal --generate-hashes --no-header --no-annotate \
  --no-emit-package interlock --no-emit-package interlock-client --no-emit-package interlock-plugins --no-emit-package interlock-dev
