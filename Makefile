# The two commands are `make run` and `make test`. Each step leaves a stamp, and is skipped while its inputs stay as they are.
PYTHON := .venv/bin/python
TOOLS := .venv/bin
INSTALLED := .venv/.installed node_modules/.installed
LOCK := $(TOOLS)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
TEMPLATES = $(filter-out templates/django/%,$(shell git ls-files --cached --others --exclude-standard 'templates/*.html'))  # an attribute has no line of its own
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))  # one more than cores: tests wait for browsers and servers
PYTEST = $(PYTHON) -m pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal

.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE  # each process of a run would compile all that it imports
.PHONY: help run test test-all test-postgres bench bench-large bench-poll bench-stream bench-hostile bench-soak bench-memory bench-faults bench-nodes bench-course bench-api fuzz fuzz-api lint lint-types lint-others docs format release lock

help:  ## Say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-14s %s\n' "$$name" "$$text"; done

run: $(INSTALLED)  ## Start the portal with a sandbox gateway: http://127.0.0.1:8000 (PORT, SANDBOX_PORT and VAR_DIR move it)
	@exec env EMBEDDED=1 $(PYTHON) manage.py run --end-with-parent

test: $(INSTALLED)  ## Run the tests but for the slow ones; ARGS goes to pytest, REQUIRE=browser,postgres,pgbouncer,redis,nginx,caddy,helm,node,clients,office,slapd,xmlsec,prometheus,docs forbids to skip
	@exec $(PYTEST) -m "not slow" $(ARGS)

test-all: $(INSTALLED)  ## Run all tests: also kills at every line, servers that fail, pages on phones, the bench (docs/testing.md)
	@exec $(PYTEST) $(ARGS)

test-postgres: export TEST_DATABASE = postgres
test-postgres: export TEST_REDIS = 1
test-postgres: test-all  ## Run the tests that use a database on PostgreSQL and Redis, started for them

bench: $(INSTALLED)  ## Time the pages with 1,000 and 1,000,000 facts, and a real gateway if one runs (docs/performance.md)
	@exec $(PYTHON) -m bench.pages $(ARGS)

bench-large: $(INSTALLED)  ## Time the pages with 100,000 people, 1,000,000 keys and 10,000,000 facts (docs/performance.md; ARGS="--database URL" keeps them)
	@exec $(PYTHON) -m bench.large $(ARGS)

bench-poll: $(INSTALLED)  ## Time a poll of 10,000 keys and 5 models (docs/performance.md)
	@exec $(PYTHON) -m bench.poll

bench-soak: $(INSTALLED)  ## Let `make run` stay up for two hours on a busy machine, in a new folder: ARGS="--folder /tmp/soak" (docs/performance.md)
	@exec $(PYTHON) -m bench.soak $(ARGS)

bench-memory: $(INSTALLED)  ## Watch the memory of each process over eight hours of light use, compressed (docs/performance.md; ARGS=--hours=2)
	@exec $(PYTHON) -m bench.memory $(ARGS)

bench-stream: $(INSTALLED)  ## Time 1, 100 and 500 answers at once, with BASELINE=… next to another checkout (docs/performance.md)
	@exec $(PYTHON) -m bench.stream $(if $(BASELINE),--baseline $(BASELINE)) $(ARGS)

bench-faults: $(INSTALLED)  ## Show what people see while PostgreSQL and Redis restart, hang and are away (docs/performance.md)
	@exec $(PYTHON) -m bench.faults $(ARGS)

bench-nodes: $(INSTALLED)  ## Kill one of two web nodes and two workers behind nginx every 20 s, under 50 streams (docs/performance.md)
	@exec $(PYTHON) -m bench.nodes $(ARGS)

bench-course: $(INSTALLED)  ## Let 100 students get their keys within ten seconds, and freeze 200 keys, on a real gateway (docs/performance.md)
	@exec $(PYTHON) -m bench.course $(ARGS)

fuzz: $(INSTALLED)  ## Send 10,000 odd requests to a portal as it is in service, behind nginx (docs/performance.md; ARGS=--requests=100)
	@exec $(PYTHON) -m bench.fuzz $(ARGS)

fuzz-api: $(INSTALLED)  ## Send about 10,000 odd requests of each role to the API, made from its schema (five minutes; API_EXAMPLES=25 for fewer)
	@API_EXAMPLES=$${API_EXAMPLES:-130} exec $(PYTHON) -m pytest -q -n 3 --timeout 0 tests/api/test_schema.py $(ARGS)

bench-api: $(INSTALLED)  ## Time 100 requests a second of the API, with keys and access tokens (docs/performance.md)
	@exec $(PYTHON) -m bench.api $(ARGS)

bench-hostile: $(INSTALLED)  ## Time pages during the rendering of expensive conversations (docs/performance.md)
	@exec $(PYTHON) -m bench.hostile

lint: $(INSTALLED)  ## Check form, types, layers, templates, migrations, deployment
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint-types lint-others

lint-types:  # half of the time
	$(TOOLS)/mypy --no-error-summary

lint-others:
	$(TOOLS)/ruff format --check --quiet .
	$(TOOLS)/ruff check --quiet .
	$(TOOLS)/lint-imports --no-logo
	$(TOOLS)/djade --check --target-version 5.2 $(TEMPLATES)
	$(TOOLS)/djlint --lint --quiet templates
	bin/npm exec --no -- biome ci --colors=off
	EMBEDDED=1 VAR_DIR=var/lint $(PYTHON) manage.py makemigrations --check --dry-run
	bin/check-deploy $(PYTHON)

docs: $(INSTALLED) .venv/.docs-installed  ## Build the documentation as a site, which works from files: var/docs/site/index.html
	$(PYTHON) bin/build_docs.py var/docs

format: $(INSTALLED)  ## Put code and templates into form
	$(TOOLS)/ruff format .
	$(TOOLS)/ruff check --fix .
	$(TOOLS)/djade --target-version 5.2 $(TEMPLATES)
	bin/npm exec --no -- biome check --write

release: $(INSTALLED)  ## Build wheel and source distribution into dist/, install and start them (PYTHONS="python3.12 python3.13"; ARGS=--try for any tree)
	@exec env PYTHONPATH=. $(PYTHON) bin/release.py $(ARGS)

lock: $(INSTALLED)  ## Write the locked requirements anew from pyproject.toml (ARGS=--upgrade takes newer versions)
	$(LOCK) $(ARGS) pyproject.toml --group dev --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --constraint requirements/dev.txt --output-file requirements/base.txt
	$(LOCK) pyproject.toml --group dev --group clients --constraint requirements/dev.txt --output-file requirements/clients.txt
	$(LOCK) --group docs --constraint requirements/dev.txt --output-file requirements/docs.txt
	$(LOCK) pyproject.toml --extra ldap --constraint requirements/dev.txt --output-file requirements/ldap.txt
	$(LOCK) pyproject.toml --extra otel --extra sentry --constraint requirements/dev.txt --output-file requirements/telemetry.txt
	$(LOCK) --group node --output-file requirements/node.txt
	$(LOCK) --group build --constraint requirements/dev.txt --constraint requirements/node.txt --output-file requirements/build.txt

.venv/.installed: requirements/dev.txt
	@if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then \
		found=$$(bin/find-python) && bin/progress "Making .venv with $$found" "$$found" -m venv --clear .venv; fi
	@bin/progress "Installing Python packages" bin/install-packages requirements/dev.txt
	@touch $@

.venv/.docs-installed: requirements/docs.txt .venv/.installed
	@bin/progress "Installing packages of the documentation" bin/install-packages requirements/docs.txt
	@touch $@

node_modules/.installed: package.json package-lock.json .npmrc | .venv/.installed
	@bin/progress "Installing browser packages" bin/npm ci --loglevel=error
	@touch $@
