# The only task runner. It needs make, bash and Python >= 3.11 with its venv module; the rest it installs itself, into
# .venv (the project), .venv-sam (the AWS SAM CLI) and .venv-ministack (an AWS to try it with), from lock files with hashes.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
SAM_VENV := .venv-sam
BIN := $(VENV)/bin
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export SAM_CLI_TELEMETRY := 0
# Trust what this system trusts: hospitals often have a certificate authority of their own.
export UV_SYSTEM_CERTS := 1
export UV_NATIVE_TLS := 1
MAKEFLAGS += --no-print-directory

.PHONY: help venv demo test test-quick mutants structure bench cost fuzz faults conformance docs man lint lint-workflows check-lock screenshots format lock coverage nfpm relay-package relay-rpm relay-image wheel sbom client-venv spectral sam-venv checkov validate build build-here ministack-venv contract-ministack deploy deploy-local clean

help: ## Show this list
	@echo 'make TARGET [ARGS="..."]'
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' \
	  | while IFS=$$'\t' read -r target text; do printf '  %-14s %s\n' "$$target" "$$text"; done

# ---------------------------------------------------------------------------------------------------- environments

# $(call create_venv,DIR): pip comes last, so an environment that has it is whole.
define create_venv
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
  echo 'Python 3.11 or newer is needed, and "$(PYTHON)" is not that. Name one: make PYTHON=/path/to/python3.11 ...' >&2; \
  exit 1; }
@$(PYTHON) -m venv $(1) || { rm -rf $(1); \
  echo '"$(PYTHON) -m venv" failed (see above). On Debian and Ubuntu: apt-get install python3-venv. Then try again.' >&2; \
  exit 1; }
endef

# $(call pip_install,DIR,LOCK): a lock file names every package, so pip has nothing left to resolve (--no-deps).
# It says much that nobody reads; a person waiting gets a counter instead, a log gets one line.
define pip_install
@echo 'Installing $(2) into $(1)'
@total=$$(grep -c == $(2)); n=0; \
$(1)/bin/python -m pip install --require-hashes --no-deps --only-binary=:all: --progress-bar off -r $(2) \
| while read -r verb what _; do \
    [ -t 1 ] || continue; \
    case $$verb in \
      Collecting|Requirement) n=$$((n + 1)); printf '\r\033[K  %d of %d  %s' $$n $$total "$$what" ;; \
      Installing) printf '\r\033[K  unpacking; this takes a little while' ;; \
      Successfully) printf '\r\033[K' ;; \
    esac; \
  done
endef

define install_project
@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
endef

$(BIN)/pip:
	$(call create_venv,$(VENV))

# A stamp says which lock file the environment was last made to agree with; "dev" includes all of "local".
$(VENV)/.dev $(VENV)/.local: $(VENV)/.%: requirements/%.txt pyproject.toml | $(BIN)/pip
	$(call pip_install,$(VENV),$<)
	$(install_project)
	@touch $@

venv: $(VENV)/.dev ## Make .venv with everything for development

# ------------------------------------------------------------------------------------------------------------- use

demo: $(VENV)/.$(if $(wildcard $(VENV)/.dev),dev,local) ## The whole loop on this machine; ARGS=--once plays it and exits
	@$(BIN)/python -m infra.local.demo $(ARGS)

# One file's tests stay together, so that they share what they start. ARGS="-n 0 tests/unit" runs some, one by one.
test: $(VENV)/.dev ## Run the tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-quick: $(VENV)/.dev ## Run the quick half of the tests, in a minute: units and contracts, without the slow ones
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m 'not slow' --hypothesis-profile=quick tests/unit tests/contract $(ARGS)

mutants: $(VENV)/.dev ## Plant faults in a copy, and see whether a test notices; ARGS="--only feed" plants some
	@$(BIN)/python -m tests.mutants $(ARGS)

coverage: $(VENV)/.dev ## Run the tests, and show which lines and branches they ran through
	@$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term --cov-report=html $(ARGS)

bench: $(VENV)/.dev ## Measure time and memory beside other servers; ARGS=--full takes longer, --write keeps it
	@$(BIN)/python -m tests.bench $(ARGS)

cost: $(VENV)/.dev ## Print what the cloud side costs a month; ARGS="--hour --share 0.1" simulates an hour of a hundred sites
	@$(BIN)/python -m tests.cost $(ARGS)

fuzz: $(VENV)/.dev ## Break input in a hundred thousand ways; ARGS="--seed 2" breaks it in others
	@$(BIN)/python -m tests.fuzz $(ARGS)

faults: $(VENV)/.dev ## Break files, power, network, cloud and relay, and count what came of it (20 min); ARGS="--only network"
	@$(BIN)/python -m tests.faults $(ARGS)

structure: $(VENV)/.dev ## Print every folder, its rooms, and the imports that run back
	@$(BIN)/python -m tests.structure $(ARGS)

conformance: $(VENV)/.dev ## Write the conformance statements into docs
	@$(BIN)/python -m edge_relay.conformance docs

# Strict: a broken link, or a page that mkdocs.yml does not list, fails (with --quiet it would not). The variable silences
# an advertisement.
docs: $(VENV)/.dev ## Build the documentation site into build/site, checking every link
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)
	@echo 'Open build/site/index.html'

man: $(VENV)/.dev ## Write the manual pages into dist/man
	@$(BIN)/python -m infra.man_pages dist/man

lint: $(VENV)/.dev check-lock ## Check style, types and lock files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy --platform win32 --no-warn-unreachable --cache-dir .mypy_cache/win32 -p edge_relay

# actionlint is a Go program; where neither it nor Go is, "lint" goes without, and CI, which has Go, does not.
ACTIONLINT_VERSION := v1.7.12
ACTIONLINT_BUILT := build/tools/actionlint
ACTIONLINT ?= $(or $(wildcard $(ACTIONLINT_BUILT)),$(shell command -v actionlint),$(ACTIONLINT_BUILT))

$(ACTIONLINT_BUILT):
	@command -v go >/dev/null || { echo 'actionlint is built with Go, which is not here. Install Go, or actionlint.' >&2; exit 1; }
	@echo 'Building actionlint $(ACTIONLINT_VERSION)'
	@GOBIN=$(CURDIR)/$(@D) go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)

lint-workflows: $(filter $(ACTIONLINT_BUILT),$(ACTIONLINT)) ## Check .github/workflows with actionlint; needs it, or Go
	@$(ACTIONLINT)

format: $(VENV)/.dev ## Put the code into the project's format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# ------------------------------------------------------------------------------------------------------ lock files

# dev comes first, and the others are held to its versions: what is tested is what is deployed. One version of each
# package serves every Python and system ("universal"), but for what goes to Lambda, which is one known system.
# $(1) is the folder to work in.
COMPILE = $(CURDIR)/$(BIN)/uv pip compile --quiet --python $(CURDIR)/$(BIN)/python --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(LOCK_ARGS)
UNIVERSAL = --universal --fork-strategy fewest
define compile_locks
cd $(1); \
$(COMPILE) $(UNIVERSAL) pyproject.toml requirements/build.in --extra dev -o requirements/dev.txt; \
$(COMPILE) $(UNIVERSAL) pyproject.toml requirements/build.in --extra local -c requirements/dev.txt -o requirements/local.txt; \
$(COMPILE) $(UNIVERSAL) requirements/build.in -c requirements/dev.txt -o requirements/build.txt; \
$(COMPILE) $(UNIVERSAL) pyproject.toml --extra edge -c requirements/dev.txt -o requirements/edge.txt; \
$(COMPILE) --python-platform x86_64-manylinux_2_28 --only-binary :all: \
  pyproject.toml --extra lambda -c requirements/dev.txt -o requirements/cloud.txt; \
$(COMPILE) --python-platform x86_64-manylinux_2_28 --only-binary :all: \
  pyproject.toml --extra lambda --extra parquet -c requirements/dev.txt -o requirements/history.txt; \
$(COMPILE) $(UNIVERSAL) requirements/sbom.in -o requirements/sbom.txt; \
$(COMPILE) $(UNIVERSAL) requirements/client.in -o requirements/client.txt; \
$(COMPILE) $(UNIVERSAL) requirements/sam.in -o requirements/sam.txt; \
$(COMPILE) $(UNIVERSAL) requirements/ministack.in -o requirements/ministack.txt; \
$(COMPILE) $(UNIVERSAL) requirements/checkov.in -o requirements/checkov.txt
endef

lock: $(VENV)/.dev ## Bring requirements/*.txt up to pyproject.toml; LOCK_ARGS=--upgrade takes newer versions
	@$(call compile_locks,.)

# Locking keeps every version that still fits, so on lock files that are up to date it changes nothing.
check-lock: $(VENV)/.dev
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; cp -R pyproject.toml requirements "$$tmp"; \
	( $(call compile_locks,"$$tmp") ); \
	diff -ru requirements "$$tmp/requirements" \
	|| { echo 'The lock files do not match pyproject.toml and requirements/*.in: run "make lock".' >&2; exit 1; }

# ---------------------------------------------------------------------------------------------------------- package

# The package brings all of the relay but Python, which is the distribution's: it is built with that, wherever "python3"
# on the PATH is from.
RELAY_PYTHON ?= /usr/bin/python3
RELAY_BUILD := build/relay-package
RELAY_TOOLS := $(RELAY_BUILD)/tools

DIST ?= dist

# nfpm writes rpm as well as deb. It is a Go program, and nobody needs Go for the .deb: without nfpm, dpkg-deb writes it.
NFPM_VERSION := v2.45.2
NFPM_BUILT := build/tools/nfpm
NFPM ?= $(or $(wildcard $(NFPM_BUILT)),$(shell command -v nfpm))
# The manual page is made of the commands, which need what the relay needs.
PACKAGE = PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(RELAY_BUILD)/site-packages $(RELAY_TOOLS)/bin/python -m infra.packages.package $(if $(NFPM),--nfpm $(NFPM)) $(RELAY_BUILD)/site-packages $(DIST)

$(RELAY_TOOLS)/bin/pip:
	@$(RELAY_PYTHON) -I -c 'import sys, ensurepip; sys.exit(sys.base_prefix != "/usr" or sys.version_info < (3, 11))' \
	  2>/dev/null || { echo 'The package needs the Python (3.11 or newer) of the distribution it is for, and its venv' \
	  'module; "$(RELAY_PYTHON)" is not that. On Debian and Ubuntu: apt-get install python3-venv. Another one:' \
	  'make relay-package RELAY_PYTHON=/usr/bin/python3.12' >&2; exit 1; }
	@$(RELAY_PYTHON) -m venv $(RELAY_TOOLS)

$(RELAY_TOOLS)/.build: requirements/build.txt | $(RELAY_TOOLS)/bin/pip
	@$(RELAY_TOOLS)/bin/python -m pip install --quiet --require-hashes --no-deps --only-binary=:all: -r $<
	@touch $@

$(RELAY_BUILD)/site-packages: requirements/edge.txt | $(RELAY_TOOLS)/bin/pip
	@echo 'Installing $< into $@'
	@rm -rf $@ $@.new
	@$(RELAY_TOOLS)/bin/python -m pip install --quiet --require-hashes --no-deps --no-compile --only-binary=:all: \
	  --target $@.new -r $<
	@touch $@.new
	@mv $@.new $@

$(NFPM_BUILT):
	@command -v go >/dev/null || { echo 'nfpm is built with Go, which is not here. Install Go, or nfpm itself.' >&2; exit 1; }
	@echo 'Building nfpm $(NFPM_VERSION); this takes about a minute'
	@GOBIN=$(CURDIR)/$(@D) go install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)

nfpm: $(NFPM_BUILT) ## Make build/tools/nfpm, with Go; relay-package then uses it

relay-package: $(RELAY_BUILD)/site-packages $(RELAY_TOOLS)/.build ## Build the relay's Debian package, into dist
	@$(PACKAGE)

relay-rpm: $(RELAY_BUILD)/site-packages $(RELAY_TOOLS)/.build ## Build the relay's rpm, into dist; needs nfpm (make nfpm)
	@$(PACKAGE) --format rpm

relay-image: relay-package ## Make an OCI image of the relay, into dist, without a container builder; needs root and debootstrap
	@PYTHON=$(RELAY_TOOLS)/bin/python PYTHONPATH=$(CURDIR) infra/container/build-image "$$(ls -t $(DIST)/mwl-relay_*.deb | head -1)" \
	  $(DIST)/mwl-relay-oci.tar "$$(dpkg-deb --field "$$(ls -t $(DIST)/mwl-relay_*.deb | head -1)" Version)"

wheel: $(VENV)/.dev ## Build the wheel and the source archive, into dist
	@$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir $(DIST)

SBOM_VENV := build/tools/sbom

$(SBOM_VENV)/bin/pip:
	$(call create_venv,$(SBOM_VENV))

$(SBOM_VENV)/.sbom: requirements/sbom.txt | $(SBOM_VENV)/bin/pip
	$(call pip_install,$(SBOM_VENV),$<)
	@touch $@

# From the lock files, which are exactly what is installed. The warning is about the root component, which a lock file lacks.
sbom: $(SBOM_VENV)/.sbom ## List what the relay, the Lambdas, and each built function are made of (CycloneDX), into dist
	@mkdir -p $(DIST)
	@for part in edge cloud; do $(SBOM_VENV)/bin/python -W ignore::UserWarning -m cyclonedx_py requirements \
	  --pyproject pyproject.toml --output-reproducible -o $(DIST)/mwl-relay-$$part.cdx.json requirements/$$part.txt; done
	@for list in $(wildcard .aws-sam/build/*Function/PACKAGES); do $(SBOM_VENV)/bin/python -W ignore::UserWarning -m cyclonedx_py \
	  requirements --pyproject pyproject.toml --output-reproducible \
	  -o $(DIST)/mwl-relay-$$(basename $$(dirname $$list)).cdx.json $$list; done

CLIENT_VENV := build/tools/client

$(CLIENT_VENV)/bin/pip:
	$(call create_venv,$(CLIENT_VENV))

$(CLIENT_VENV)/.client: requirements/client.txt | $(CLIENT_VENV)/bin/pip
	$(call pip_install,$(CLIENT_VENV),$<)
	@touch $@

# Spectral is a Node program. Its lock file has a digest of each package, and no address.
SPECTRAL := build/tools/spectral

$(SPECTRAL)/.installed: requirements/spectral/package-lock.json requirements/spectral/package.json
	@command -v npm >/dev/null || { echo 'Spectral needs Node and npm, which are not here.' >&2; exit 1; }
	@mkdir -p $(@D)
	@cp $^ $(@D)/
	@npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

spectral: $(SPECTRAL)/.installed ## Make build/tools/spectral, with npm; a test then judges the OpenAPI document with it

client-venv: $(CLIENT_VENV)/.client ## Make build/tools/client, which makes a client of the OpenAPI document for a test

# ------------------------------------------------------------------------------------------------------------- AWS

# Validating and building ask for a region, and go to none.
SAM := $(SAM_VENV)/bin/sam
SAM_CONFIG := --config-file $(CURDIR)/infra/samconfig.toml
SOMEWHERE := AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-eu-central-1}

$(SAM_VENV)/bin/pip:
	$(call create_venv,$(SAM_VENV))

$(SAM_VENV)/.sam: requirements/sam.txt | $(SAM_VENV)/bin/pip
	$(call pip_install,$(SAM_VENV),$<)
	@touch $@

sam-venv: $(SAM_VENV)/.sam ## Make .venv-sam with the AWS SAM CLI

validate: $(SAM_VENV)/.sam ## Check template.yaml: SAM, and cfn-lint by its --lint
	@$(SOMEWHERE) $(SAM) validate $(SAM_CONFIG)

CHECKOV_VENV := build/tools/checkov

$(CHECKOV_VENV)/bin/pip:
	$(call create_venv,$(CHECKOV_VENV))

$(CHECKOV_VENV)/.checkov: requirements/checkov.txt | $(CHECKOV_VENV)/bin/pip
	$(call pip_install,$(CHECKOV_VENV),$<)
	@touch $@

# What it may leave alone stands beside each resource, with the reason (Metadata: checkov: skip).
checkov: $(CHECKOV_VENV)/.checkov ## Check template.yaml for what makes a cloud unsafe
	@LOG_LEVEL=ERROR $(CHECKOV_VENV)/bin/checkov --file template.yaml --framework cloudformation --compact --quiet --skip-download

build: $(SAM_VENV)/.sam ## Build what is deployed to Lambda, into .aws-sam/build
	@$(if $(COMPILER),,echo 'No python$(TARGET_PYTHON) is here to compile with: a cold start will take a few seconds more.')
	@$(SOMEWHERE) $(SAM) build $(SAM_CONFIG) --parameter-overrides $(TARGET)

deploy: validate build ## Deploy to the AWS account of your environment; the first time with ARGS=--guided
	@$(SAM) deploy $(SAM_CONFIG) $(TARGET_OVERRIDES) $(ARGS)

# Where the functions will run; template.yaml has the same as defaults of its parameters. Another target is named once,
# for the build and the deployment: make deploy TARGET_ARCH=x86_64 TARGET_PYTHON=3.12
TARGET_ARCH ?= arm64
TARGET_PYTHON ?= 3.13
export TARGET_ARCH TARGET_PYTHON
TARGET = Architecture=$(TARGET_ARCH) PythonRuntime=python$(TARGET_PYTHON)
TARGET_OVERRIDES = $(if $(filter-out arm64-3.13,$(TARGET_ARCH)-$(TARGET_PYTHON)),--parameter-overrides $(TARGET))

# What any function may need, installed once for the target, whatever this machine is. python3.11 runs on Amazon Linux 2
# with glibc 2.26, later ones on Amazon Linux 2023 with 2.34: a wheel that asks for a newer one fails here, not there. The
# lock file names all packages, so none is left to this machine's markers (--no-deps).
CLOUD_PACKAGES := build/cloud-packages-$(TARGET_ARCH)-$(TARGET_PYTHON)
WHEEL_ARCH := $(if $(filter arm64,$(TARGET_ARCH)),aarch64,$(TARGET_ARCH))
GLIBC := $(if $(filter 3.11,$(TARGET_PYTHON)),,2_34 2_31 2_28) 2_26 2_17
WHEELS = $(foreach version,$(GLIBC),--platform manylinux_$(version)_$(WHEEL_ARCH)) --platform manylinux2014_$(WHEEL_ARCH)

$(CLOUD_PACKAGES): requirements/cloud.txt | $(SAM_VENV)/.sam
	@rm -rf $@ $@.new
	@$(SAM_VENV)/bin/python -m pip install --quiet --require-hashes --no-deps --no-compile --target $@.new -r $< \
	  --only-binary=:all: --implementation cp --python-version $(TARGET_PYTHON) $(WHEELS)
	@touch $@.new
	@mv $@.new $@

# Compiled code starts faster, and takes the target's own Python to compile.
COMPILER ?= $(firstword $(foreach python,$(PYTHON) python$(TARGET_PYTHON),$(shell \
  $(python) -c 'import sys; print("%d.%d" % sys.version_info[:2] == "$(TARGET_PYTHON)" and sys.executable or "")' 2>/dev/null)))

# pyarrow asks for glibc 2.28, so the one function that needs it runs on python3.13 (Amazon Linux 2023), and is not
# compiled here: this is another Python. What it does not use of pyarrow stays behind: Lambda takes 250 MB in all.
HISTORY_PACKAGES := build/history-packages
PYARROW_UNUSED := include tests libarrow_flight* _flight* libarrow_s3* _s3fs* _gcsfs* _azurefs*

$(HISTORY_PACKAGES): requirements/history.txt | $(SAM_VENV)/.sam
	@rm -rf $@
	@$(SAM_VENV)/bin/python -m pip install --quiet --require-hashes --no-deps --no-compile --target $@ -r $< \
	  --only-binary=:all: --implementation cp --python-version 3.13 \
	  --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64
	@rm -rf $@/bin $(addprefix $@/pyarrow/,$(PYARROW_UNUSED))
	@$(SAM_VENV)/bin/python -m infra.packages.notice $@ > $@/NOTICE
	@touch $@

build-HistoryCompactionFunction: $(HISTORY_PACKAGES)
	@cp -R $(HISTORY_PACKAGES)/. "$(ARTIFACTS_DIR)"
	@tar -c --exclude=__pycache__ LICENSE shared lambdas | tar -x -C "$(ARTIFACTS_DIR)"

screenshots:  ## Take pictures of every page of the dashboard, and renew those in docs/images
	@$(BIN)/python -m tests.browser.screenshots --docs $(or $(OUT),.screenshots) $(ARGS)

# SAM calls these, one for each function (build-ApiFunction, ...), and says where to put the artefact.
build-%Function: $(CLOUD_PACKAGES)
	@$(SAM_VENV)/bin/python -m infra.artefacts.build $*Function "$(ARTIFACTS_DIR)" --packages $(CLOUD_PACKAGES) \
	  --python $(TARGET_PYTHON) --machine $(TARGET_ARCH) --compiler "$(COMPILER)" --version "$$($(SAM_VENV)/bin/python -m setuptools_scm)" \
	  --commit "$$(git rev-parse HEAD 2>/dev/null || echo unknown)"

MINISTACK_VENV := .venv-ministack

$(MINISTACK_VENV)/bin/pip:
	$(call create_venv,$(MINISTACK_VENV))

$(MINISTACK_VENV)/.ministack: requirements/ministack.txt | $(MINISTACK_VENV)/bin/pip
	$(call pip_install,$(MINISTACK_VENV),$<)
	@touch $@

ministack-venv: $(MINISTACK_VENV)/.ministack ## Make .venv-ministack with MiniStack, which plays AWS

contract-ministack: $(VENV)/.dev $(MINISTACK_VENV)/.ministack ## Run the contract tests of the tables with MiniStack's DynamoDB instead of moto's
	@$(BIN)/python -m tests.rigs.on_ministack $(or $(ARGS),tests/contract)

# MiniStack runs the functions with its own Python, on this machine: that is what they are built for.
HERE := TARGET_ARCH=$(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64) \
  TARGET_PYTHON=$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)

build-here: $(SAM_VENV)/.sam ## Build for this machine's Python, to run the functions here
	@$(MAKE) build $(HERE)

deploy-local: $(VENV)/.$(if $(wildcard $(VENV)/.dev),dev,local) $(MINISTACK_VENV)/.ministack build-here ## Deploy to an AWS played here, and play the demo's story with it
	@$(BIN)/python -m infra.deployed.deploy_local $(ARGS)

clean: ## Remove everything that make has made
	@rm -rf $(VENV) $(SAM_VENV) $(MINISTACK_VENV) .aws-sam .demo .deployed build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
