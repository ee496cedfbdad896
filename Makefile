# `make` lists the doors. Everything is installed into .venv and node_modules; nothing else is needed
# but Python >= 3.11 and make.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_NODE := $(CURDIR)/.venv/bin/node
# Whoever has told Python to keep no byte code: hundreds of processes run here, and each would compile boto3 and CDK anew.
unexport PYTHONDONTWRITEBYTECODE

LOCK := uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	--custom-compile-command "make lock"

.PHONY: help
help: ## list the doors
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

.venv/.installed: requirements.txt requirements-dev.txt pyproject.toml
	@echo "Setting up .venv …"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.txt)"
	@uv pip install --quiet --python .venv/bin/python -r requirements.txt -r requirements-dev.txt
	@uv pip install --quiet --python .venv/bin/python --no-deps --editable .
	@touch $@

node_modules/.installed: package.json package-lock.json | .venv/.installed
	@echo "Setting up the CDK CLI …"
	@npm ci --silent
	@touch $@

.PHONY: setup
setup: .venv/.installed node_modules/.installed

.PHONY: lock
lock: ## write the requirements files and package-lock.json anew from pyproject.toml and package.json
	$(LOCK) --group app -o requirements.txt
	$(LOCK) --group dev -c requirements.txt -o requirements-dev.txt
	$(LOCK) --group layer -c requirements.txt -o common/runtime/requirements.txt
	$(LOCK) --group imaging -c requirements.txt -o common/imaging/requirements.txt
	npm install --package-lock-only --silent

export PHOTO LOCAL_PORT LOCAL_SOURCES LOCAL_CONTEXT MODEL_DIR

.PHONY: local local-up local-down
local: setup ## run everything here and see what is in a few photos, or in PHOTO=~/cat.jpg; Ctrl-C ends it
	@python -m local run

local-up: setup ## the same in the background, without the photos; LOCAL_PORT=, LOCAL_SOURCES=host:port, MODEL_DIR=
	@python -m local up

local-down: setup ## stop it; its state and logs stay in .local/
	@python -m local down

.PHONY: test test-fast test-local test-e2e
test: test-fast test-local test-e2e ## set up and run every test

test-fast: setup ## the quick ones: units, handlers, templates
	pytest -n auto --dist worksteal tests/unit tests/functional tests/infrastructure

test-local: setup ## those of the local Rekognition and of the benchmarks
	pytest -n auto --dist worksteal tests/local

test-e2e: setup ## the tests on the embedded cloud
	pytest -n 2 tests/e2e

.PHONY: test-iam test-delivery
test-iam: setup ## the way of a picture with the roles' policies enforced, and with grants left out
	pytest tests/iam

test-delivery: setup ## 1,000 results for a third party that is down for a minute, throttles, then fails every third time
	OUTAGE_SECONDS=60 pytest tests/e2e/test_delivery.py -v -k 1000 -o log_cli=true -o log_cli_level=INFO

.PHONY: test-index
test-index: setup ## what is derived from 5,000 records, through the real queue, against brute force
	SIGHTLINE_RECORDS=5000 pytest -v tests/e2e/test_index.py

.PHONY: test-manifest
test-manifest: setup ## a manifest of 10,000 lines, one in a hundred bad, on the embedded cloud
	MANIFEST_LINES=10000 pytest tests/e2e/test_every_way_in.py -k manifest_with_bad_lines

.PHONY: soak
soak: setup ## callers and faults for MINUTES=10, then everything against what S3 holds; plot and numbers in .local/soak
	@python -m benchmarks.soak --minutes $(or $(MINUTES),10)

.PHONY: test-budget
test-budget: setup ## a budget for 100 of 300 pictures, until it is raised; waits for the schedule, some minutes
	SIGHTLINE_PATIENTLY=1 SIGHTLINE_PICTURES=300 pytest tests/e2e/test_budget.py

.PHONY: gallery-screenshots
gallery-screenshots: setup ## make the README's pictures of the gallery anew
	SIGHTLINE_SCREENSHOTS=docs pytest tests/e2e/test_gallery.py -k readme

.PHONY: check lint format synth
check: lint synth test ## what CI runs: format, lint, types, templates, tests

lint: setup
	ruff format --check --quiet
	ruff check --quiet
	mypy
	tsc -p recognition/gallery

format: setup ## format, and mend what the linter can
	ruff format
	ruff check --fix

# W3005: CDK also writes down the dependencies that a reference implies.
synth: setup ## the templates in cdk.out, checked by cdk-nag and cfn-lint; needs no AWS account
	cdk synth --quiet --no-notices
	cfn-lint --ignore-checks W3005 --non-zero-exit-code error cdk.out/*.template.json

.PHONY: hooks
hooks: setup ## have git run format, lint and types before each commit
	@pre-commit install

.PHONY: openapi
openapi: setup ## write the APIs' descriptions anew from their code
	@python -m common.openapi

.PHONY: bootstrap deploy destroy
bootstrap: setup ## once per account and Region, before the first deploy
	cdk bootstrap --no-notices

deploy: setup ## deploy to AWS with your credentials, and show how to go on
	cdk deploy --all --no-notices
	@sightline guide --target aws

destroy: setup ## remove the stacks; the bucket, the table and the logs stay
	cdk destroy --all --no-notices

.PHONY: bench-rekognition bench-pipeline bench-cold-start bench-conversion bench-search bench-cost
bench-rekognition: setup ## images per second and CPU per image of the local Rekognition
	@python -m benchmarks.rekognition

bench-pipeline: setup ## our pipeline beside the public workshop's: images a second, calls and billed time an image
	@python -m benchmarks.pipeline

bench-search: setup ## pages of lists and searches at 1,000 to 100,000 records: times, and items read
	@python -m benchmarks.search

bench-cost: setup ## what Lambda is billed for a picture, and what is logged, by function
	@python -m benchmarks.cost

bench-cold-start: setup ## how long each function takes to be imported, beside a bare boto3 client, and its size
	@python -m benchmarks.cold_start

bench-conversion: setup ## seconds and memory to convert a picture of 12 and of 60 megapixels, by format
	@python -m benchmarks.conversion
