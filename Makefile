# `make` lists the targets. Everything runs in .venv, which is created if it is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests run in as many processes as there are cores, each with services of its own; PARALLEL= for one.
# One thread each: more would fight for the cores. In the order of the files, since short ones come last.
PARALLEL ?= --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' Makefile)

help: ## list the targets
	@echo "driftgauge: make TARGET"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1@\2/p' $(MAKEFILE_LIST) | column -t -s@ 2>/dev/null || \
		sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1: \2/p' $(MAKEFILE_LIST)

install: $(STAMP) ## create .venv and install everything into it

$(STAMP): pyproject.toml scripts/install
	@PYTHON="$(PYTHON)" VENV="$(VENV)" scripts/install
	@touch $@

demo: $(STAMP) ## run the demonstration (under 4 minutes)
	@$(BIN)/driftgauge demo $(DEMO)

test: $(STAMP) ## run the tests except the slow ones (20 minutes on two cores)
	@echo "make test: all tests but the slow ones; 'make test-slow' runs those"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" $(PARALLEL) $(TESTS)

test-slow: $(STAMP) ## run the slow tests
	@$(BIN)/python -m pytest -m slow --timeout 900 $(TESTS)

test-crash: $(STAMP) ## kill agents 100 times, stop broker and database (about an hour)
	@DRIFTGAUGE_CRASHES=100 $(BIN)/python -m pytest tests/crash --timeout 3600 -v $(TESTS)

bench-attach: $(STAMP) ## what sending taps costs the serving model (5 minutes)
	@$(BIN)/python -m tests.benchmarks.attach $(BENCH)

bench-first-hour: $(STAMP) ## time from an empty folder to the first rate and the first alert (10 minutes)
	@$(BIN)/python -m tests.benchmarks.first_hour $(BENCH)

bench-alerts: $(STAMP) ## how soon alerts arrive, a thousand at once, a day of failing receivers (8 minutes)
	@$(BIN)/python -m tests.benchmarks.alerts $(BENCH)

bench-demo: $(STAMP) ## the demonstration with five seeds (about 15 minutes)
	@$(BIN)/python -m tests.benchmarks.demo

bench-false-alarms: $(STAMP) ## false alarms and detection delays, simulated (3 minutes)
	@$(BIN)/python -m tests.benchmarks.false_alarms

bench-sql: $(STAMP) ## the history: times of every documented query, bytes a row, flushes (quarter of an hour; BENCH="--only year")
	@$(BIN)/python -m tests.benchmarks.sql $(BENCH)

bench-pages: $(STAMP) ## the pages: times to the first and last byte, memory, by segments and database (half an hour)
	@$(BIN)/python -m tests.benchmarks.pages $(BENCH)

screenshots: $(STAMP) ## take the pictures of the pages that the documentation shows (5 minutes)
	@$(BIN)/python scripts/screenshot

bench-drift-tests: $(STAMP) ## false alarms and detection delays of each drift test (15 minutes)
	@$(BIN)/python -m tests.benchmarks.drift_tests

bench-monitor: $(STAMP) ## the monitor at scale, on both databases (quarter of an hour)
	@$(BIN)/python -m tests.benchmarks.monitor $(BENCH)

bench-swap: $(STAMP) ## seconds from a promotion to the last agent's change, while a stream runs (3 minutes)
	@$(BIN)/python -m tests.benchmarks.swap $(BENCH)

bench-retrain: $(STAMP) ## a season of retraining, twenty rounds: make bench-retrain STREAMS=FOLDER (half an hour)
	@$(BIN)/python -m tests.benchmarks.retrain $(STREAMS) $(BENCH)

bench-streams: $(STAMP) ## false alarms on real cameras: make bench-streams STREAMS=FOLDER
	@$(BIN)/python -m tests.benchmarks.streams $(STREAMS)

bench-faults: $(STAMP) ## how often faults are named rightly: make bench-faults DATA=FOLDER (five minutes)
	@$(BIN)/python -m tests.benchmarks.faults $(DATA)

bench-detector: $(STAMP) ## the detector against simple methods: make bench-detector DATA=FOLDER (about an hour)
	@$(BIN)/python -m tests.benchmarks.detector $(DATA) $(BENCH)

bench-agent: $(STAMP) ## the whole agent against the bare model, on Apache Kafka (about three quarters of an hour)
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m tests.benchmarks.agent $(BENCH)

bench-cost: $(STAMP) ## the detector's share of a forward pass, by family and batch (half an hour; BENCH="--batches 64")
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.cost $(BENCH)

gpu-check: $(STAMP) ## the tests and figures that need a GPU (8 minutes; GPU="--cpu" tries it without)
	@scripts/gpu-check $(GPU)

bench-calibration: $(STAMP) ## false-alarm rates over many random splits: make bench-calibration DATA=FOLDER
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.calibration $(DATA) $(BENCH)

fuzz: $(STAMP) ## 100,000 hostile messages; fewer with FUZZ="--messages 5000"
	@$(BIN)/python -m tests.benchmarks.fuzz $(FUZZ)

check: $(STAMP) ## format, lint, types, import rules
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check

settings: $(STAMP) ## regenerate deploy/driftgauge.toml and docs/settings.md
	@$(BIN)/python scripts/write-settings

format: $(STAMP) ## format and fix with ruff
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean: ## remove .venv and every cache
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
