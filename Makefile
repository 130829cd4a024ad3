# Everything a user or contributor runs. Root is needed: namespaces, links and nftables rules are real.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
STORE ?= embedded
export STORE KEEP

.PHONY: demo test lint bench clean-lab packages install help

help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: node_modules/.package-lock.json ## the main job, on three Mesos hosts in namespaces (STORE=etcd, KEEP=1)
	@bash packages/lab/install-debian-packages.sh demo $(STORE)
	@node packages/lab/src/demo.ts

test: node_modules/.package-lock.json ## lint, types, unit tests and system tests
	@bash packages/lab/install-debian-packages.sh test
	@node test/run.ts

lint: node_modules/.package-lock.json ## biome and tsc
	@biome check .
	@tsc

bench: node_modules/.package-lock.json ## the three benches, as tables
	@bash packages/lab/install-debian-packages.sh bench
	@node test/bench/cni.ts && node test/bench/policy.ts && node test/bench/packets.ts

clean-lab: node_modules/.package-lock.json ## remove what `make demo KEEP=1` left up
	@node packages/lab/src/clean.ts

packages: node_modules/.package-lock.json ## the npm packages, Node among them (NPM_FLAGS=--omit=dev on a host)

install: ## on a Mesos agent: the packages, then `weir cni install` (INSTALL_FLAGS="--etcd-endpoints http://10.0.0.1:2379")
	@$(MAKE) --no-print-directory packages NPM_FLAGS=--omit=dev
	@node packages/cli/bin/weir.js cni install $(INSTALL_FLAGS)

# npm 9, Debian's, leaves out the link to Node: the package for the other architecture, which it skips, has one of the same name.
node_modules/.package-lock.json: package-lock.json
	@echo "Installing npm packages (once, about half a minute) …"
	@npm ci $(NPM_FLAGS) --no-audit --no-fund --loglevel=error
	@ln -sf ../node-linux-$(if $(filter aarch64,$(shell uname -m)),arm64,x64)/bin/node node_modules/.bin/node
	@touch $@
