# Thin lines over DVC. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PYTHONPATH := src
export DVC_NO_ANALYTICS := 1
export TOKENIZERS_PARALLELISM := true
VERSION = $(shell sed -n 's/^version: *\([^ #]*\).*/\1/p' params.yaml)
READY := $(VENV)/.ready

$(READY): requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --upgrade pip
	$(VENV)/bin/pip install -r requirements.txt
	touch $@

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-24s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup repro test lint
setup: $(READY) ## create .venv and check the environment
	@python -c "import sys, torch, transformers, dvc; print(f'Python {sys.version.split()[0]}, torch {torch.__version__}, transformers {transformers.__version__}, dvc {dvc.__version__}, CUDA {torch.cuda.is_available()}, {torch.get_num_threads()} threads')"

repro: $(READY) ## run the whole pipeline and print the result table
	dvc repro
	@python -m kosplade.summary

test: $(READY) ## lint and test
	ruff check . && ruff format --check .
	python -m pytest

.PHONY: prepare-v25-idf prepare-v25-stopwords prepare-v25-data
prepare-v25-idf: $(READY) ## phase 1: IDF weights
	dvc repro idf
prepare-v25-stopwords: $(READY) ## phase 1: stopword mask
	dvc repro stopwords
prepare-v25-data: $(READY) ## phase 1: both
	dvc repro idf stopwords

.PHONY: train-v25-verify train-v25-quick train-v25
train-v25-verify: $(READY) ## phase 2: load IDF, mask and losses, then train 500 samples for 2 epochs
	dvc repro verify
