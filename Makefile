# A fresh machine needs Python 3.11 or newer, make and a C library.
# Another interpreter: make PYTHON=python3.12 run. Another environment: make VENV=/path/to/venv test.

PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin

.DEFAULT_GOAL := run
.PHONY: run test check docs bench clean

run: $(VENV)/.installed  ## Live in the generated house 7; again: go on from where the run stands.
	$(BIN)/testspace run --seed 7 --preset nano --out runs/first --resume

test: $(VENV)/.installed-dev  ## All tests.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.installed-dev .typecheck/testspace  ## Style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd .typecheck && $(BIN)/mypy --config-file ../pyproject.toml -p testspace

docs: $(VENV)/.installed  ## The documentation, in site/; a warning is an error.
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

bench: $(VENV)/.installed  ## How fast the simulator is, beside bare ray hits.
	$(BIN)/testspace bench sim

clean:  ## What these commands made, but not runs/.
	rm -rf $(VENV) .typecheck build dist site testspace.egg-info .mypy_cache .pytest_cache .ruff_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "testspace needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

# The stamps are files, so that installing happens once, and again when pyproject.toml changes.
$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
# ai2thor asks for opencv-python, which takes the place of the headless one and needs libGL; what else it imports is in `dev`.
	$(BIN)/python -m pip install --quiet --no-deps 'ai2thor>=5.0'
	@touch $@

# The repository root is the package itself; mypy finds it under its name through this link.
.typecheck/testspace:
	@mkdir -p .typecheck
	@ln -sfn .. $@
