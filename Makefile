# Two commands do everything on a fresh Debian machine with Rust and Node:
#   make demo    the main job on real input, console in the browser
#   make test    everything that must hold before a change lands

CARGO ?= cargo
export SAQSHY_TEST_DATA ?= $(abspath ../shared/data)
export SAQSHY_SPEC ?= $(abspath ../shared/spec)
export SAQSHY_PYTHON ?= $(abspath .venv/bin/python)
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: demo test bench bench-long setup web lint check-rust check-web e2e clean-demo

demo: setup-build web
	$(CARGO) build --release --bin saqshy --bin saqshy-verify
	$(TARGET)/release/saqshy demo

test: setup web lint check-rust check-web e2e

# What the build needs: Node packages. What the tests need besides: Debian and PyPI packages.
.PHONY: setup-build
setup-build:
	scripts/setup build

setup:
	scripts/setup test

web: web/build/index.html

web/build/index.html: $(shell find web/src web/static locales web/package-lock.json web/svelte.config.js web/vite.config.ts -type f 2>/dev/null) | setup-build
	cd web && npm run build

lint: web
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

check-rust: web
	$(CARGO) test --workspace

check-web: web
	cd web && npm run check && npm test && npm run e2e:mock

# The console in a real browser against a real server with a real mailbox.
e2e: web
	$(CARGO) build --bin saqshy --bin saqshy-verify
	scripts/e2e $(TARGET)/debug/saqshy

bench: web
	$(CARGO) bench -p saqshy

bench-long: web
	SAQSHY_CRASH_ROUNDS=1000 $(CARGO) test --release -p saqshy --test crash -- --nocapture
	$(CARGO) bench -p saqshy

clean-demo:
	rm -rf data/demo
