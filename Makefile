# posterm: everything a working copy needs, from Python 3.11+ and make alone.
# Each target prepares .venv when it has to, and finds it ready the second time.

ifeq ($(origin PYTHON), undefined)
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11 python
else
CANDIDATES := $(PYTHON)
endif

BIN := .venv/bin
DEMO_READY := .venv/.ready-demo
TEST_READY := .venv/.ready-test
DEV_READY := .venv/.ready-dev
BENCH_READY := .venv/.ready-bench
FUZZ_READY := .venv/.ready-fuzz
# One worker more than there are cores: many tests wait for processes. The first that is idle takes over from others.
SPREAD := -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist worksteal
CODE := posterm tests $(wildcard simulators benchmarks)
SAVED_BENCHMARKS := $(wildcard .benchmarks/*/*.json)

.DEFAULT_GOAL := help
.PHONY: help demo test lint check proof soak fuzz bench bench-peers bench-hsm load clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: $(DEMO_READY) ## run the demonstration: a terminal, its host and the link between them
	@$(BIN)/posterm demo

test: $(TEST_READY) ## run the tests on all cores
	@echo "testing"
	@$(BIN)/python -m pytest $(SPREAD)

lint: $(DEV_READY) ## check format, style and types
	@echo "checking format, style and types"
	@$(BIN)/ruff format --check --quiet $(CODE) || { echo "not formatted; run $(BIN)/ruff format"; exit 1; }
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/mypy

check: lint ## everything a change must pass: lint, then the tests
	@echo "testing"
	@$(BIN)/python -m pytest $(SPREAD)

proof: $(TEST_READY) ## run the long proofs that `make test` leaves out
	@echo "running the long proofs"
	@$(BIN)/python -m pytest tests -m proof $(SPREAD) --durations=25

soak: $(DEMO_READY) ## play worlds for an hour on all cores, each from a seed of its own; SOAK="--minutes 5 --seed 1000" for others
	@$(BIN)/posterm world $(or $(SOAK),--minutes 60 --seed $$(date +%s))

fuzz: $(FUZZ_READY) ## run the coverage-guided fuzzer on every ISO 8583 dialect, then on the HSM's host commands
	@echo "fuzzing for a minute and a half; what it finds goes to .fuzz/crashes, what it says to .fuzz/*.log"
	@mkdir -p .fuzz
	@for target in iso8583 host_commands; do \
	  $(BIN)/python tests/fuzz/fuzz_$$target.py $(FUZZ) >.fuzz/$$target.log 2>&1 \
	    || { tail -n 60 .fuzz/$$target.log >&2; echo "run the input again with $(BIN)/python tests/fuzz/fuzz_$$target.py FILE" >&2; exit 1; }; \
	  echo "$$target"; grep '^stat::[nas][uvl]' .fuzz/$$target.log; \
	done

bench: $(DEV_READY) $(BENCH_READY) ## measure, save the run under .benchmarks and compare it with the last one
	@echo "measuring; runs are saved under .benchmarks"
	@$(BIN)/python -m pytest benchmarks -o addopts= --strict-markers --import-mode=importlib -p no:cacheprovider \
	  --benchmark-only --benchmark-columns=min,median,stddev --benchmark-autosave \
	  $(if $(SAVED_BENCHMARKS),--benchmark-compare)

bench-peers: $(BENCH_READY) ## measure posterm beside other ISO 8583 codecs, into benchmarks/results
	@$(BIN)/python -m benchmarks.peers.run $(PEERS)

load: $(DEV_READY) $(BENCH_READY) ## measure the host under load beside a bare echo server, into benchmarks/results
	@$(BIN)/python -m benchmarks.load.run $(LOAD)

bench-hsm: $(DEV_READY) ## measure the HSM's server beside a bare echo server, into benchmarks/results
	@$(BIN)/python -m benchmarks.hsm_server $(HSM)

clean: ## remove .venv and everything built or cached (saved benchmark runs and fuzzed inputs stay)
	@echo "removing .venv, builds and caches"
	@rm -rf .venv .bench-peers build dist site .mypy_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is older than pyproject.toml when the dependencies may have changed. What is ready to test is ready to run.
$(DEMO_READY): pyproject.toml | $(BIN)/python
	@$(call install,.)
	@touch $(DEMO_READY)

$(TEST_READY): pyproject.toml | $(BIN)/python
	@$(call install,.[test])
	@touch $(DEMO_READY) $(TEST_READY)

$(DEV_READY): pyproject.toml | $(BIN)/python
	@$(call install,.[dev])
	@touch $(DEMO_READY) $(TEST_READY) $(DEV_READY)

$(BENCH_READY): pyproject.toml | $(BIN)/python
	@$(call install,.[bench])
	@touch $(DEMO_READY) $(BENCH_READY)

$(FUZZ_READY): pyproject.toml | $(BIN)/python
	@$(call install,.[fuzz])
	@touch $(DEMO_READY) $(FUZZ_READY)

$(BIN)/python:
	@for candidate in $(CANDIDATES); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "posterm needs Python 3.11 or later; none found under: $(CANDIDATES) (name one with make PYTHON=/path/to/python3.11)" >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python cannot make virtual environments; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	echo "making .venv with $$("$$python" -V)"; \
	"$$python" -m venv --clear .venv || { rm -rf .venv; exit 1; }

# install(requirement): quiet when it works; shows what pip said when it does not.
define install
echo "installing posterm into .venv (only when pyproject.toml changed)"; \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '$(1)' >.venv/install.log 2>&1 \
  || { cat .venv/install.log >&2; echo "the installation failed" >&2; exit 1; }
endef
