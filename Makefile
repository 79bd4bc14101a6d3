# Two commands: `make run` executes the course, `make test` tests it. Both set up first, once.

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif

# An environment that works is kept; PYTHON=... on the command line chooses another interpreter.
ifndef PYTHON
PYTHON := $(shell $(BIN)/python -c "print('$(BIN)/python')" 2>/dev/null || echo python3)
endif

# After set-up nothing reaches for the network: cache and mirror are read, the rest is made here.
run refresh test test-real: export HEARING_OFFLINE ?= 1
export JUPYTER_PREFER_ENV_PATH = 1
export PYDEVD_DISABLE_FILE_VALIDATION = 1

JOBS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --nbval-lax --nbval-current-env

.DEFAULT_GOAL := help
.PHONY: help setup run refresh test test-real lab lint format readme lock clean distclean

help:  ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r target text; \
		do printf '  make %-10s %s\n' "$$target" "$$text"; done
	@echo "  PYTHON=python3.12 chooses the interpreter (3.11 to 3.13), JOBS=1 runs one thing at a time."

setup:  ## Make .venv from requirements.lock, unless it is there
	@$(PYTHON) tools/set_up.py

run: setup  ## Execute every notebook; results and HTML go to build/run/
	@$(BIN)/python tools/run_notebooks.py --jobs $(JOBS)

test: setup  ## Test the helpers, and every notebook by running it
	@$(PYTEST) tests $(wildcard notebooks)

test-real: setup  ## Only what reads real recordings; without HEARING_MIRROR, on the stand-in
	@$(PYTEST) -m "real and not mirror" tests $(wildcard notebooks)

lab: setup  ## Open JupyterLab on the first notebook
	@$(BIN)/jupyter lab $(firstword $(wildcard notebooks/00_*.ipynb) notebooks)

lint: setup  ## Check style and format, code cells of notebooks included
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: setup  ## Put everything in the format that `make lint` checks
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

refresh: setup  ## Execute NOTEBOOKS="..." (or all) again and keep what they show
	@$(BIN)/python tools/run_notebooks.py --jobs $(JOBS) --keep $(NOTEBOOKS)

readme: setup  ## Write README's map and scoreboard from what is there
	@$(BIN)/python tools/readme.py

lock:  ## Make requirements.lock again (needs uv)
	@tools/lock

clean:  ## Remove what runs and tests left; keeps .venv and the data
	@rm -rf build .pytest_cache .ruff_cache .hypothesis *.egg-info
	@find . -path ./.venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -print \
		| xargs rm -rf

distclean: clean  ## Remove .venv and the data cache too
	@rm -rf .venv data/cache
