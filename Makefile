PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 7860
LOCKING := $(VENV)/locking
UV := uv==0.13.9
# Three times as fast as pip, but blind to pip's settings: where these are needed pip takes over.
INSTALL = sh -c 'SAM2_BUILD_CUDA=0 $(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python "$$@" \
	|| SAM2_BUILD_CUDA=0 $(BIN)/pip install --quiet --no-compile "$$@"' install
MANIFEST ?= ../shared/data/manifest.jsonl
MORE ?= ../shared/data2/manifest.jsonl
OUTSIDE ?= ../shared/strangers/manifest.jsonl
OBJECTS := ecssd,butterfly,crackforest,cwfid,humanseg,alphamatting
EVALUATE = $(BIN)/python -m refiner evaluate --manifest $(MANIFEST) --split val
EVALUATE_MORE = $(BIN)/python -m refiner evaluate --manifest $(MORE) --split val
EVALUATE_OUTSIDE = $(BIN)/python -m refiner evaluate --manifest $(OUTSIDE) --split val
RESULTS := assets/results
PYTEST := OMP_WAIT_POLICY=passive $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

.PHONY: run test fuzz load bench results report lock audit audit-online clean

run: $(VENV)/.run
	PORT=$(PORT) $(BIN)/python app.py

test: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/oxlint --deny-warnings webapp/browser
	$(BIN)/lint-imports
	$(BIN)/mypy & types=$$!; \
	$(BIN)/python -m tests.machine && $(BIN)/python -m tests.warming && $(PYTEST); tests=$$?; \
	wait $$types && exit $$tests

# Hostile uploads to a running app, and kills of what it works with: some ten minutes.
fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz

# 16 to 64 visitors at a running app with the embedded model: some ten minutes.
load: $(VENV)/.dev
	$(BIN)/python -m tests.load

bench: $(VENV)/.dev
	$(BIN)/python -m tests.machine
	$(BIN)/python -m refiner bench
	$(BIN)/python -m tests.browser.bench

# All that is measured, from the committed weights and the photos of MANIFEST and MORE: over an hour.
results: $(VENV)/.dev
	$(EVALUATE) --only photos --source $(OBJECTS) --models sam2,hq-sam2,sam2refiner --json $(RESULTS)/val.json --per-photo $(RESULTS)/val-photos.csv
	$(EVALUATE_MORE) --only photos --prompts box,points:1,points:10 --models sam2,hq-sam2,sam2refiner --json $(RESULTS)/val-more.json --per-photo $(RESULTS)/val-more-photos.csv
	$(EVALUATE) --only photos --source $(OBJECTS) --prompts points:10 --models all --refiners assets/weights/ablation --json $(RESULTS)/ablation.json
	$(EVALUATE) --only photos --source ecssd --prompts noc --models sam2,hq-sam2,sam2refiner --json $(RESULTS)/clicks.json
	$(EVALUATE) --only photos --source bsds,ccp,camvid --prompts box,points:10 --models sam2,hq-sam2 --json $(RESULTS)/regions.json
	$(EVALUATE) --only photos --source $(OBJECTS) --prompts dilated,eroded,polygon --json $(RESULTS)/degraded.json
	$(EVALUATE_MORE) --only photos --prompts box --models sam2,sam2refiner --seeds 1 --stability --json $(RESULTS)/stability.json
	$(EVALUATE_OUTSIDE) --only photos --prompts box,points:10 --models sam2,hq-sam2,sam2refiner --json $(RESULTS)/outside.json
	$(EVALUATE) --only videos --prompts box,mask --json $(RESULTS)/videos.json
	$(EVALUATE) --only videos --prompts box,mask --fast --json $(RESULTS)/videos-fast.json
	$(BIN)/python -m refiner bench --frames 300 --json $(RESULTS)/bench.json
	$(BIN)/python assets/examples/curves.py
	$(BIN)/python assets/examples/tracks.py
	$(BIN)/python assets/render_failures.py
	$(MAKE) report

report: $(VENV)/.run
	$(BIN)/python -m refiner report --plot assets/results/points.svg

# One file for all Pythons and systems, torch as the registry gives it. What sam2 needs is told by
# its own set-up, which runs only where torch is installed: hence no isolated build.
lock: $(VENV)/.run
	$(BIN)/python -m venv --clear $(LOCKING)
	$(LOCKING)/bin/pip install --quiet $(UV)
	SAM2_BUILD_CUDA=0 $(LOCKING)/bin/uv pip compile --quiet --no-config --universal \
		--python-version 3.10 --python $(BIN)/python --no-build-isolation --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		requirements.txt --output-file requirements.lock
	rm -rf $(LOCKING)

audit: $(VENV)/.run
	$(BIN)/python assets/audit.py

# Asks a service on the net, which knows more than the advisories committed here.
audit-online: $(VENV)/.run
	$(BIN)/python -m venv --clear $(LOCKING)
	$(LOCKING)/bin/pip install --quiet pip-audit==2.10.1
	$(LOCKING)/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock
	rm -rf $(LOCKING)

# torch first: sam2 and two of its dependencies build against what is installed already,
# instead of fetching a second torch into an isolated build. What is imported compiles itself then.
$(VENV)/.run: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip "setuptools<81" wheel $(UV)
	$(INSTALL) $$(grep -E '^(torch|torchvision|numpy)==' requirements.txt)
	$(INSTALL) --no-build-isolation -r requirements.txt
	touch $@

$(VENV)/.dev: $(VENV)/.run pyproject.toml
	$(INSTALL) --no-build-isolation -e ".[dev,ray,train]"
	touch $@

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .import_linter_cache .ruff_cache .hypothesis
