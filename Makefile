PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help install demo live test test-lowest test-newest test-bare check format lint layout types docs benchmark dist clean

help:  ## say what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s:

install: $(INSTALLED)  ## make .venv with everything, the command .venv/bin/adt included

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: install  ## score the packaged series, train an agent, print the table
	$(BIN)/adt run yahoo_like

live: install  ## Prometheus, Alertmanager, two made-up clusters and adt watch on this machine; prints the page's address
	$(BIN)/python examples/live/demo.py

test: install  ## run the tests
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal --durations 15

check: format lint types test  ## everything that CI checks

format: install
	$(BIN)/ruff format --check .

lint: install
	$(BIN)/ruff check .

# Neither a type checker nor the pages' maker follows setuptools' package-dir: give them the package laid out as in the wheel.
layout:
	@rm -rf build/types && mkdir -p build/types/adt_gym
	@ln -s $(CURDIR)/adt_gym/* $(CURDIR)/agents $(CURDIR)/scripts build/types/adt_gym/

types: install layout
	cd build/types && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p adt_gym

docs: install layout  ## build the pages into build/site, the tutorials run
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

test-lowest test-newest: dist  ## test the wheel on the lowest, or the newest, versions of what it requires
	.ci/test-on $(@:test-%=%)

test-bare: dist  ## test the wheel where nothing but it, Gymnasium and NumPy is installed
	.ci/test-bare

dist: install  ## build sdist and wheel, and check them
	rm -rf dist
	$(BIN)/python -m build --quiet
	$(BIN)/twine check --strict dist/*

benchmark: install  ## measure speed, as ratios side by side in one run
	$(BIN)/adt benchmark

clean:  ## remove everything made
	rm -rf $(VENV) .venv-* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
