# DigitalBank. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install the system packages that are missing
	@scripts/install-packages

build: deps ## debug build of everything, tests included
	swift build --build-tests

test: build ## everything that can be tested, on its own clusters
	swift test --skip-build

.PHONY: help deps build test
