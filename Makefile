# Requires Python 3.11 or newer, and Linux.
# Another interpreter: make PYTHON=python3.12 run. Another environment: make VENV=/path/to/venv test.
# Options of pip, such as another index for the wheels of torch: make PIP_OPTIONS=... run.

PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin

.DEFAULT_GOAL := run
.PHONY: run test check docs bench clean

run: $(VENV)/.installed  ## Run an agent in generated house 7, or resume that run.
	$(BIN)/testspace run --seed 7 --out runs/first --resume

test: $(VENV)/.installed-dev  ## All tests.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.installed-dev .typecheck/testspace  ## Style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd .typecheck && $(BIN)/mypy --config-file ../pyproject.toml -p testspace

docs: $(VENV)/.installed  ## Build the documentation in site/; warnings are errors.
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

bench: $(VENV)/.installed  ## Simulator throughput, next to bare ray casting.
	$(BIN)/testspace bench sim

clean:  ## Remove everything that these commands made, except runs/.
	rm -rf $(VENV) .typecheck build dist site testspace.egg-info .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "testspace needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

# Stamp files: install once, and again when pyproject.toml changes.
$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) --editable '.[learn]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) --editable '.[dev]'
# ai2thor requires opencv-python, which replaces the headless build and needs libGL; its other imports are in `dev`.
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) --no-deps 'ai2thor>=5.0'
	@touch $@

# The repository root is the package itself; this link lets mypy find it by name.
.typecheck/testspace:
	@mkdir -p .typecheck
	@ln -sfn .. $@
