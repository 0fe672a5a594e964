# DigitalBank. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
DIGITALBANK := .build/release/digitalbank

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: release ## build, simulate an attacked bank, recover it, keep it running
	@$(DIGITALBANK) up --monitoring

down: ## stop the recovered bank
	@if [ -x $(DIGITALBANK) ]; then $(DIGITALBANK) down; else echo "nothing to stop: digitalbank is not built"; fi

clean-data: ## ask, then remove the recovered bank and all of var/
	@if [ -x $(DIGITALBANK) ]; then $(DIGITALBANK) clean-data; else echo "nothing to remove: digitalbank is not built"; fi

doctor: release ## what is missing on this machine, and the command that installs it
	@$(DIGITALBANK) doctor

deps: ## install the system packages that are missing, saying which
	@scripts/install-packages

build: deps ## debug build of everything, tests included
	@scripts/build --build-tests

release: deps ## release build of the digitalbank program
	@scripts/build -c release --product digitalbank

lint: ## style checks by swift format
	@swift format lint --strict --parallel --recursive Package.swift Sources Tests && echo "lint: clean"

format: ## rewrite the sources in the house style
	@swift format --in-place --parallel --recursive Package.swift Sources Tests

test: lint build ## everything that can be tested, on clusters of its own
	@scripts/test

test-long: lint build ## the long rounds too: campaigns, fuzzing, storms
	@DIGITALBANK_LONG=1 scripts/test

docs: build ## rewrite the reference pages that come from the sources
	@DIGITALBANK_WRITE_DOCS=1 scripts/test --filter RepositoryTests

deb: deps ## Debian package and release tarball, below dist/
	@scripts/build -c release --product digitalbank --static-swift-stdlib && scripts/package

bench: release ## benchmarks, as ratios of one run on this machine
	@scripts/bench

.PHONY: help up down clean-data doctor deps build release lint format test test-long docs deb bench
