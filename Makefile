# make run         set up .venv and run the quick start: prices -> forecast -> backtest -> report
# make test        the quick tests                 make test-all   slow tests and notebooks too
# make lint        ruff and mypy                   make bench      benchmarks, side by side with peers
# make notebooks   execute every notebook          make clean      remove caches and build outputs, keep .venv and runs
# make docs        the documentation, for reading without a network: docs/_build/html/index.html
#
# make bench-forecast   laws of twenty stocks and of their books, beside peers
# make bench-risk       measures, metrics, tests and optimisers of risk: benchmarks/bench_risk*.py, bench_portfolio.py
# make bench-backtest   four backtests of known results, beside vectorbt where PEER names a Python that has it
#
# Variables: CONFIG=configs/classical.yaml, BOOKS=200, PEER=/elsewhere/bin/python, PYTHON=python3.12, THREADS=2, WORKERS=1, VENV=/elsewhere.

PYTHON ?= python3
VENV ?= .venv
CONFIG ?= configs/quickstart.yaml
BOOKS ?= 200
PEER ?=
BIN := $(VENV)/bin

# One thread per process: the models are small, so a second thread waits at barriers more than it works, and results
# repeat byte for byte only with the same number of threads. Tests use the cores through WORKERS processes instead.
THREADS ?= 1
WORKERS ?= 2
export OMP_NUM_THREADS := $(THREADS)
export MKL_NUM_THREADS := $(THREADS)
export OPENBLAS_NUM_THREADS := $(THREADS)
export NUMBA_NUM_THREADS := $(THREADS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-all lint bench bench-forecast bench-risk bench-backtest notebooks docs clean

help:
	@sed -n '/^$$/q;s/^# \{0,1\}//p' Makefile

run: $(VENV)/.installed-run
	$(BIN)/quantdl run $(CONFIG)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope -q

test-all: $(VENV)/.installed-dev notebooks
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope -q -m ""

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	set -e; for script in $(sort $(wildcard benchmarks/bench_*.py) benchmarks/data.py); do echo "== $$script"; $(BIN)/python $$script; done

bench-forecast: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/bench_forecasts.py configs/forecast_sp500.yaml --books $(BOOKS)

bench-risk: $(VENV)/.installed-dev
	set -e; for script in $(sort $(wildcard benchmarks/bench_risk*.py benchmarks/bench_portfolio.py)); do echo "== $$script"; $(BIN)/python $$script; done

bench-backtest: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/bench_backtest.py $(if $(PEER),--peer $(PEER))

notebooks: $(VENV)/.installed-dev
	set -e; for notebook in $(sort $(wildcard notebooks/*.ipynb)); do \
		$(BIN)/jupyter execute --timeout=600 $$notebook; done

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -q -W --keep-going docs docs/_build/html
	@echo docs/_build/html/index.html

clean:
	rm -rf build dist docs/_build docs/generated .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -path ./runs -prune -o -path ./.git -prune -o \
		\( -name __pycache__ -o -name .ipynb_checkpoints -o -name '*.egg-info' \) -type d -print0 | xargs -0 rm -rf

# A stamp per environment: nothing is installed again until the declared or the exact versions change.
$(VENV)/.installed-run: EXTRAS :=
$(VENV)/.installed-dev: EXTRAS := [bench,dev]
$(VENV)/.installed-docs: EXTRAS := [docs]

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".$(EXTRAS)"
	@touch $@

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
