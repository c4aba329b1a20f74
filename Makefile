# Everything here works on a machine that has Python 3.11 or newer (with venv) or uv, and a POSIX shell.
# Only the work tree is written: .venv, .cache (the Pulumi CLI and its local state) and the tools' own cache folders.

HOSTS = 12
MAX_UNAVAILABLE = 3
SPEED = 120
WORKERS = 2
# One more than cores: the tests of the real CLI wait for a third of their time.
TESTERS = 3

# Tests, demo and benchmark start Python hundreds of times: no process need compile what another one compiled.
export PYTHONDONTWRITEBYTECODE =

PYTHON = .venv/bin/python
IN_TOOLCHAIN = $(PYTHON) tools/pulumi_toolchain.py run
# Those of the project's packages that are there.
PACKAGES = $(patsubst %/__init__.py,%,$(wildcard $(foreach p,components providers rollout capture os_upgrades cloud sinks emulator hostpool demo bench simulation,$(p)/__init__.py)))

.DEFAULT_GOAL = help
.PHONY: help setup toolchain env demo demo-promotion demo-batch demo-scale-set emulator bench bench-scale rights simulate simulate-mutants simulate-crashes crash-cli
.PHONY: simulate-capture-crashes test suite lint format lock clean workflows

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-25s %s\n", $$1, $$2 }' Makefile

setup: ## Python environment in .venv, from the hashed lock
	@sh tools/setup_venv.sh

toolchain: setup ## the Pulumi CLI: the one on PATH, else built once from Go modules
	@$(PYTHON) tools/pulumi_toolchain.py ensure

env: setup ## what to export to use the Pulumi CLI by hand: eval "$(make -s env)"
	@$(PYTHON) tools/pulumi_toolchain.py env

demo: toolchain ## a whole rollout against the emulator (HOSTS=12 MAX_UNAVAILABLE=3 SPEED=120)
	@$(IN_TOOLCHAIN) $(PYTHON) -m demo --hosts $(HOSTS) --max-unavailable $(MAX_UNAVAILABLE) --speed $(SPEED)

demo-promotion: toolchain ## dev -> test -> prod on the emulator, and a bad version that is stopped in test (SPEED=240)
demo-promotion: SPEED = 240
demo-promotion:
	@$(IN_TOOLCHAIN) $(PYTHON) -m demo.promotion --speed $(SPEED)

demo-batch: toolchain ## Batch pools on the emulator: an upgrade that waits for tasks, a bad image that rolls back (SPEED=600)
demo-batch: SPEED = 600
demo-batch:
	@$(IN_TOOLCHAIN) $(PYTHON) -m demo.batch --speed $(SPEED)

demo-scale-set: toolchain ## a scale set on the emulator: an upgrade, a bad image that rolls back, deferral (SPEED=150)
demo-scale-set: SPEED = 150
demo-scale-set:
	@$(IN_TOOLCHAIN) $(PYTHON) -m demo.scale_set --speed $(SPEED)

emulator: setup ## the emulator alone; prints the environment that points an ARM client at it
	@$(PYTHON) -m emulator --directory .cache/emulator

bench: SEEDS = 20
bench: toolchain ## the benchmark, its ablation with SEEDS=20; its last line is one JSON object
	@$(IN_TOOLCHAIN) $(PYTHON) -m bench $(SEEDS)

simulate: setup ## random stories of trouble on virtual time, judged by the invariants (SEEDS=1000)
simulate: SEEDS = 1000
simulate:
	@$(PYTHON) -m simulation seeds --count $(SEEDS) --workers $(WORKERS)

simulate-mutants: setup ## the same with one guard of the engine switched off at a time: each must be missed
	@$(PYTHON) -m simulation mutants --workers $(WORKERS)

bench-scale: HOSTS = 10000
bench-scale: setup ## five pools with 10,000 hosts in simulation (HOSTS=10000); its last line is one JSON object
	@$(PYTHON) -m bench.scale --hosts $(HOSTS)

rights: setup ## every right of the custom role: used, needed and predicted, on the emulator
	@$(PYTHON) -m tools.rights

crash-cli: ROUNDS = 10
crash-cli: SEED = 1
crash-cli: toolchain ## the real CLI killed at random moments of rollouts, then carried on (ROUNDS=10 SEED=1)
	@PYTHONPATH=tools $(IN_TOOLCHAIN) $(PYTHON) -m tests.e2e.crash_cli --rounds $(ROUNDS) --seed $(SEED)

simulate-crashes: PAIRS = 200
simulate-crashes: EVERY = 1
simulate-crashes: setup ## reference rollouts killed before and after every remote write, and twice in a row (PAIRS=200 EVERY=1)
	@$(PYTHON) -m simulation.crashes --pairs $(PAIRS) --every $(EVERY) --workers $(WORKERS)

simulate-capture-crashes: PAIRS = 100
simulate-capture-crashes: EVERY = 1
simulate-capture-crashes: setup ## captures of a golden VM killed before and after every remote write, and twice in a row (PAIRS=100 EVERY=1)
	@$(PYTHON) -m simulation.capture_crashes --pairs $(PAIRS) --every $(EVERY) --workers $(WORKERS)

# The linters, which have use for one core only, run beside.
test: setup ## all checks and all tests
	@$(MAKE) --no-print-directory -j 2 lint suite

suite: toolchain ## all tests
	$(IN_TOOLCHAIN) $(PYTHON) -m pytest -q -n $(TESTERS) --dist loadfile --no-loadscope-reorder

lint: setup ## ruff, mypy, import-linter
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(PYTHON) -m mypy $(PACKAGES) $(wildcard __main__.py policy/rules.py) tools/pulumi_toolchain.py
	.venv/bin/lint-imports

workflows: setup ## actionlint over the workflows for GitHub Actions; builds it, once, where there is none
	@$(PYTHON) tools/actionlint.py workflows/*.github.yml

format: setup ## lay out the code and mend what ruff can mend
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

lock: setup ## requirements.lock anew from pyproject.toml, at today's versions
	.venv/bin/uv pip compile pyproject.toml --group dev --generate-hashes --universal --python-version 3.11 \
		--upgrade --quiet --custom-compile-command 'make lock' --output-file requirements.lock

clean: ## remove all that was made here
	@sh tools/clean.sh
