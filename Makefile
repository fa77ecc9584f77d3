# Thin lines over DVC: a step that is up to date is not repeated. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH := src
PYTHON ?= python3
# Only what a version may hold, Hangul too: the rest of a hostile line must not become a command.
VERSION = $(shell LC_ALL=C awk '/^version:/ {gsub(/[^A-Za-z0-9_\200-\377-]/, "", $$2); print $$2}' params.yaml)
IDF := outputs/idf_weights/xlmr_v25_idf.pt
LOG = outputs/train_$(VERSION).log
PORT = 6006
SHOWN = Experiment|version$$|stopword_penalty|lambda_flops|idf_alpha|model\.|loss\.|train\.|(val|test)\.(inference_free|encoded)\.ndcg10|.*top10|(metrics/sparsity.json:)?(stopword|foreign)_activation|(metrics/sparsity.json:)?document_nnz
MODEL = huggingface/$(VERSION)/best
READY := .venv/.ready
TESTS = --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

$(READY): requirements.txt requirements-tools.txt requirements-dev.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Error: $$($(PYTHON) --version), but Python 3.11, 3.12 or 3.13 is needed. Run: make setup PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --upgrade pip
	.venv/bin/pip install -r requirements.txt -r requirements-tools.txt -r requirements-dev.txt -c constraints.txt
	touch $@

ifeq ($(shell git rev-parse --git-dir 2> /dev/null || grep -s no_scm .dvc/config.local),)
$(if $(filter-out help setup,$(MAKECMDGOALS)),$(error This is no Git repository. Run: git init && git add -A && git commit -m start; for the pipeline alone, without experiments and comparisons: printf "[core]\n    no_scm = true\n" > .dvc/config.local))
endif

##@ Everything
.PHONY: help setup repro restore test test-full
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {print "\n" substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-23s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
setup: $(READY) ## create .venv, install, show the environment
	@python -c "import platform, torch, transformers, dvc; print(f'Python {platform.python_version()}, torch {torch.__version__}, transformers {transformers.__version__}, dvc {dvc.__version__}; {torch.get_num_threads()} threads, CUDA devices: {torch.cuda.device_count()}')"
repro: $(READY) ## run the whole pipeline, print the result table
	dvc repro
	@python -m kosplade.report.summary
restore: $(READY) ## back to what is committed: parameters, metrics and outs; a user's data and models stay as they are
	@find params.yaml dvc.lock metrics -type f -exec touch {} + # Git trusts size and time: the same second hides a change
	git restore --source=HEAD --staged --worktree -- params.yaml dvc.lock metrics
	@# An experiment that was killed leaves HEAD without its branch.
	@if git rev-parse --quiet --verify refs/exps/exec/EXEC_BASELINE > /dev/null && ! git symbolic-ref --quiet HEAD > /dev/null; then \
	  git for-each-ref --count=1 --points-at HEAD --format='%(refname)' refs/heads | xargs -r git symbolic-ref HEAD; fi
	dvc checkout --force --allow-missing dvc.yaml
test: $(READY) ## lint, and the tests of numbers and behaviour
	ruff check .
	ruff format --check .
	OMP_NUM_THREADS=1 python -m pytest -m "not full" $(TESTS)
test-full: $(READY) ## the rest: the real model end to end, kills, DVC in strange places, real clients
	OMP_NUM_THREADS=1 python -m pytest -m full $(TESTS)

##@ Phase 1: data
.PHONY: prepare-v25-idf prepare-v25-stopwords prepare-v25-data import
prepare-v25-idf: $(READY) ## compute the IDF weights
	dvc repro idf
prepare-v25-stopwords: $(READY) ## compute the stopword mask
	dvc repro stopwords
prepare-v25-data: $(READY) ## both
	dvc repro idf stopwords
import: $(READY) ## fetch and convert public data: make import DATASET=korquad (without a name: lists them)
	@python -m kosplade.tools.imports $(DATASET)

##@ Phase 2: checks
.PHONY: train-v25-verify train-v25-quick v25-pipeline
train-v25-verify: $(READY) ## load IDF, mask and losses, then the quick training
	dvc repro verify
	@dvc metrics show metrics/verify.json
train-v25-quick: $(READY) ## the quick training again: 500 samples, 2 epochs
	dvc repro idf stopwords teacher && dvc repro --single-item --force verify
v25-pipeline: prepare-v25-data train-v25-verify ## phases 1 and 2

##@ Phase 3: training
.PHONY: train-v25 train-v25-bg train-v25-resume need-idf
need-idf:
	@test -f $(IDF) || { echo "Error: IDF weights not found. Run: make prepare-v25-idf" >&2; exit 1; }
train-v25: need-idf $(READY) ## train in the foreground
	dvc repro train
train-v25-bg: need-idf $(READY) ## train in the background: prints PID and log file
	@mkdir -p outputs
	@# SIGTERM would end DVC and leave its stage running. It is passed to the stage, and DVC ends when that has failed.
	@nohup sh -c 'dvc repro train & trap "pkill -TERM -P $$!" TERM; wait $$!; wait $$!' > $(LOG) 2>&1 & echo "PID $$!, log $(LOG)"
train-v25-resume: need-idf $(READY) ## go on with a training that was killed, at its last checkpoint
	dvc repro train

##@ Phase 4: evaluation
.PHONY: eval-v25 eval-v25-sparsity eval-v25-compare eval-beir exp-v24 exp-v25
eval-v25: $(READY) ## evaluate, print the result table
	dvc repro eval
	@python -m kosplade.report.summary
eval-v25-sparsity: $(READY) ## evaluate, print where the weights lie and how they moved
	dvc repro eval
	@python -m kosplade.report.vectors
exp-v24: $(READY) ## run the recipe V24 as experiment v24
	dvc exp run -n v24 -S version=v24 -S loss.idf_weighting=false -S loss.stopword_mask=false
exp-v25: $(READY) ## run the recipe V25 as experiment v25
	dvc exp run -n v25 -S version=v25 -S loss.idf_weighting=true -S loss.stopword_mask=true
eval-v25-compare: $(READY) ## V24 beside V25 (made where they are missing): table and reports/index.html
	python -m kosplade.report.compare v24 v25
eval-beir: $(READY) ## evaluate an export on a BEIR folder: make eval-beir DIR=... [MODEL=... OPTIONS=...]
	@test -n "$(DIR)" || { echo "Error: DIR is not set. Run: make eval-beir DIR=path/to/beir/folder" >&2; exit 1; }
	@python -m kosplade.tools.beir --beir "$(DIR)" --model "$(MODEL)" $(OPTIONS)

##@ Phase 5: export
.PHONY: convert-v25-hf push-hf
convert-v25-hf: $(READY) ## write huggingface/<version>/best
	dvc repro convert
push-hf: $(READY) ## upload the export to the Hugging Face hub: make push-hf REPO=user/name [OPTIONS=--private]
	@test -n "$$REPO" || { echo "Error: REPO is not set. Run: make push-hf REPO=user/name" >&2; exit 1; }
	@python -m kosplade.tools.hub --folder "$(MODEL)" "$$REPO" $(OPTIONS)

##@ Experiments and pull requests
.PHONY: exp-show check-lock pr-report gc
exp-show: $(READY) ## every experiment: the parameters that differ, nDCG@10, sparsity
	@dvc exp show --md --only-changed --drop '^(?!$(SHOWN))'
check-lock: $(READY) ## fail if dvc.lock is not that of this code, parameters and data (runs nothing)
	@said=$$(dvc repro --dry --allow-missing 2>&1); echo "$$said"; [[ $$said == *"Data and pipelines are up to date."* ]] \
	  || { echo "Error: dvc.lock is out of date. Run: dvc repro, then commit dvc.lock and metrics/" >&2; exit 1; }
pr-report: $(READY) ## what a branch does to the metrics, judged by gates.yaml: make pr-report BASE=main
	@test -n "$$BASE" || { echo "Error: BASE is not set. Run: make pr-report BASE=main" >&2; exit 1; }
	@python -m kosplade.report.pull_request "$$BASE"
gc: $(READY) ## free DVC's cache of what nothing uses: no branch, tag or experiment (asks first)
	@echo "Kept: the workspace, every branch and tag, every experiment that dvc exp list -A shows. Removed: all else in .dvc/cache."
	dvc gc --workspace --all-branches --all-tags --all-experiments

##@ OpenSearch
.PHONY: opensearch-up opensearch-down
opensearch-up: $(READY) ## start an OpenSearch at localhost:9200, by Docker or out of Maven Central
	@python -m kosplade.tools.opensearch_server up
opensearch-down: $(READY) ## stop it; its data stay
	@python -m kosplade.tools.opensearch_server down

##@ Look
.PHONY: demo
demo: PORT = 7860
demo: $(READY) ## a page to search, compare, look inside: make demo [DIR=...] [PORT=...] [OPTIONS=...]
	@python -m kosplade.tools.demo --port "$(PORT)" $(if $(DIR),--dir "$(DIR)") $(OPTIONS)

##@ Monitoring
.PHONY: logs-v25 tensorboard-v25 monitor
logs-v25: ## follow the log of the background training
	@test -f $(LOG) || { echo "Error: $(LOG) not found. Run: make train-v25-bg" >&2; exit 1; }
	tail -n 50 -f $(LOG)
tensorboard-v25: $(READY) ## curves at http://localhost:6006
	tensorboard --logdir outputs/tensorboard --port $(PORT)
monitor: $(READY) ## GPU, or CPU and memory where there is none
	@if command -v nvidia-smi > /dev/null; then nvidia-smi --loop=2; else python -c "import psutil; [print(f'CPU {psutil.cpu_percent(2):.0f} %, memory {(m := psutil.virtual_memory()).used / 2**30:.1f} of {m.total / 2**30:.1f} GiB', flush=True) for _ in iter(int, 1)]"; fi
