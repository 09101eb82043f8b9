# Two commands do everything, on a machine with Python 3.11 or later and make:
#   make demo    the main job on an embedded server
#   make test    the tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
STAMPS := $(VENV)/stamps

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint format bench charts build clean

help:
	@echo "make demo   run the main job: a strategy on real prices, on Ray, into PostgreSQL"
	@echo "make test   run the tests against a real server that starts by itself"
	@echo "make soak   play faults under load for MINUTES=10, in random order, and report with plots"
	@echo "make lint   ruff, mypy, pyright, import-linter, sqlc"
	@echo "make format let ruff write the code's layout"
	@echo "make bench  quantdb against its peers; ARGS=--full for all of it, ARGS=--check against the baseline"
	@echo "make charts docs/benchmarks.md and docs/charts from the committed baseline"
	@echo "make build  wheel and sdist in dist/"
	@echo "make clean  remove what these made"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("quantdb needs Python 3.11 or later; run: make PYTHON=python3.x ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(STAMPS)/demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[demo]"
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[demo,ray-data,uvloop]" --group test
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/lint: pyproject.toml | $(STAMPS)/test
	$(BIN)/python -m pip install --quiet --group lint
	@mkdir -p $(STAMPS) && touch $@

demo: $(STAMPS)/demo
	$(BIN)/quantdb demo $(ARGS)

# Each process of the tests has a server of its own; a file's tests stay together. They wait as much as they work, so there is one
# process more than there are processors.
PROCESSES = $(shell $(BIN)/python -c 'import os; print(min(4, 1 + (os.cpu_count() or 1)))')
PARALLEL ?= --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

test: $(STAMPS)/test
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

MINUTES ?= 10

soak: $(STAMPS)/test
	PYTHONPATH=tests:tests/faults $(BIN)/python -m soak --minutes $(MINUTES) --into build/soak $(ARGS)

lint: $(STAMPS)/lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/sqlc compile

format: $(STAMPS)/lint
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The peers live apart from what quantdb is developed with.
$(BENCH_VENV)/installed: pyproject.toml benchmarks/install.py
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python benchmarks/install.py
	@touch $@

bench: $(BENCH_VENV)/installed
	$(BENCH_VENV)/bin/python -m benchmarks run $(ARGS)

charts: $(BENCH_VENV)/installed
	$(BENCH_VENV)/bin/python -m benchmarks show

build: $(STAMPS)/test
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) $(BENCH_VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
