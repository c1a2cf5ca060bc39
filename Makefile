# The two commands are `make demo` and `make test`; both do all the set-up themselves, from a fresh clone on a bare Debian.
.PHONY: help demo test check static style types quick image all-tests lab-test bench bench-backup clean prepare lock

BIN := .venv/bin
# Hundreds of small programs begin in the tests: each may use what the one before it compiled.
unexport PYTHONDONTWRITEBYTECODE
# The lab needs root; everything else runs as whoever you are.
ROOT := $(shell [ "$$(id -u)" -eq 0 ] || echo sudo -E)

help:
	@echo "make demo    boots five real hosts on this machine and shows what Windlass does with them"
	@echo "make test    everything: checks, unit tests, tests on real hosts"
	@echo "make check   the quick ones: format, lint, types, import contracts, unit tests"
	@echo "make bench   the figures of docs/benchmarks.md, measured here"
	@echo "make bench-backup   those of backups"
	@echo "make clean   takes all of it away: hosts, images, .venv, build"

prepare:
	@tools/prepare

demo: prepare
	@$(BIN)/python -m demo

# Both at once: while types are looked at by one processor, the other one tests.
check: prepare
	@$(MAKE) --no-print-directory -j2 static quick

static: style types

style:
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types:
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > build-imports.log 2>&1 || { cat build-imports.log; rm -f build-imports.log; exit 1; }; rm -f build-imports.log

quick:
	@tools/run-tests quick

# Tests on hosts leave processors idle: types are looked at beside them, and what they find makes the whole fail all the same.
test: prepare style
	@$(MAKE) --no-print-directory -j2 types all-tests

# No test on hosts can begin without what all hosts stand on.
all-tests: image
	@tools/run-tests all

image:
	@$(ROOT) $(BIN)/python tools/base-image

lab-test: prepare
	@tools/run-tests lab

bench: prepare
	@$(BIN)/python -m benchmarks
	@$(ROOT) $(BIN)/python -m benchmarks.peers
	@$(ROOT) $(BIN)/python -m benchmarks.fanout

bench-backup: prepare
	@$(ROOT) $(BIN)/python -m benchmarks.backup

lock: prepare
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --extra demo --extra dev pyproject.toml -o requirements.lock

clean:
	@tools/clean
