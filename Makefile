PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 7860

.PHONY: run test bench report clean

run: $(VENV)/.run
	PORT=$(PORT) $(BIN)/python app.py

test: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench: $(VENV)/.dev
	$(BIN)/python -m refiner bench
	$(BIN)/python -m tests.browser.bench

report: $(VENV)/.run
	$(BIN)/python -m refiner report --plot assets/results/points.svg

# torch first: sam2 and two of its dependencies build against what is installed already,
# instead of fetching a second torch into an isolated build.
$(VENV)/.run: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip "setuptools<81" wheel
	$(BIN)/pip install --quiet $$(grep -E '^(torch|torchvision|numpy)==' requirements.txt)
	SAM2_BUILD_CUDA=0 $(BIN)/pip install --quiet --no-build-isolation -r requirements.txt
	touch $@

$(VENV)/.dev: $(VENV)/.run pyproject.toml
	SAM2_BUILD_CUDA=0 $(BIN)/pip install --quiet --no-build-isolation -e ".[dev,train]"
	touch $@

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
