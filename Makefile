# Every command of the project; a bare `make` lists them, docs/commands.md tells more about each.

PYTHON ?= $(shell command -v python3.11 || echo python3)
RUN := .venv/bin/python -m
# Of the suite: most tests wait for other processes, so three keep two cores busy (tests/groups.py).
PROCESSES ?= 3
export PYTHONPATH := plugins

.DEFAULT_GOAL := help
.PHONY: help demo up down test guards check bench lock openapi

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

demo: .venv/made_from ## Show the whole story on this machine in a minute, and stop everything again
	@$(RUN) demo.launcher demo

up: .venv/made_from ## Start PostgreSQL, the demo CRM, the Tucano simulator and Airflow, and leave them running
	@$(RUN) demo.launcher up

down: .venv/made_from ## Stop what `make up` started; with CLEAN=yes its data goes too
	@$(RUN) demo.launcher down

test: .venv/made_from ## Run the whole suite; it starts what it needs
	$(RUN) pytest -n $(PROCESSES) --no-loadscope-reorder

guards: .venv/made_from ## Take each guard of safety away in a copy and see a test fail (docs/guards.md)
	$(RUN) tests.guards

check: .venv/made_from ## Lint, types and unit tests, in less than a minute
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy -p provisioner -p demo
	$(RUN) pytest tests/unit

bench: .venv/made_from ## Print the ratios that hold this project fast, as `BENCH name value`
	@$(RUN) benchmarks

lock: .venv/made_from ## Compile requirements*.in to requirements*.txt
	.venv/bin/uv pip compile --quiet requirements.in -o requirements.txt --python-version 3.11
	.venv/bin/uv pip compile --quiet requirements-dev.in -o requirements-dev.txt --python-version 3.11

openapi: .venv/made_from ## Write include/authenticate-api.yaml from the app
	@home=$$(mktemp -d); AIRFLOW_HOME=$$home $(RUN) provisioner.web.openapi; status=$$?; rm -rf $$home; exit $$status

.venv/made_from: requirements.txt requirements-dev.txt
	@$(PYTHON) demo/launcher/make_venv.py
