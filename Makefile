# varbench: `make bench` and `make test` need nothing but make and Python 3.11 or later; uv is used if it is there.

VENV := .venv
BIN := $(VENV)/bin
SPEED := .venv-speed
OUT ?= standard
SHELL := /bin/bash
comma := ,

# The extra that fits the NVIDIA driver: CUDA 13 from driver 580 on, CUDA 12 before. GPU=cuda12|cuda13|none overrides.
DRIVER := $(shell nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1 | cut -d. -f1 | grep -E '^[0-9]+$$')
GPU ?= $(if $(DRIVER),$(if $(filter 1,$(shell test $(DRIVER) -ge 580 && echo 1)),cuda13,cuda12),none)
EXTRA := $(filter-out none,$(GPU))
ifneq ($(filter bench bench-smoke bench-speed reference,$(MAKECMDGOALS)),)
ifneq ($(words $(GPU))/$(words $(filter cuda12 cuda13 none,$(GPU))),1/1)
$(error GPU=$(GPU) is unknown: give cuda12, cuda13 or none, or leave it away to have the driver asked)
endif
endif

.PHONY: help bench bench-smoke bench-speed reference test check format clean
.DEFAULT_GOAL := help

help: ## Show the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

bench: $(VENV)/.run-$(GPU) ## Set up, run every study (10 to 14 minutes on 2 cores), write reports/standard/index.html.
	@$(BIN)/varbench run all --budget standard --out runs/$(OUT) --report reports/$(OUT)

bench-smoke: $(VENV)/.run-$(GPU) ## The same path with a few short runs: proves that everything works.
	@$(BIN)/varbench run identical-pipelines ensembles --budget smoke --out runs/smoke --report reports/smoke

reference: $(VENV)/.run-$(GPU) ## Run every study again and replace the committed reference report.
	@$(BIN)/varbench run all --budget standard --out runs/reference --report reports/reference

bench-speed: $(SPEED)/.made ## Race varbench against its peers, write reports/speed (in an environment of its own).
	@$(SPEED)/bin/python -m benchmarks.speed --platform $(if $(EXTRA),gpu,cpu) $(ARGS)

test: $(VENV)/.dev ## Set up and run the tests.
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(VENV)/.dev ## Lint and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/.dev ## Format the code.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean: ## Remove the environment and caches; runs and reports stay.
	rm -rf $(VENV) $(SPEED) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.run-%: pyproject.toml | $(VENV)/.made
	@$(call install,.$(if $(EXTRA),[$(EXTRA)]))
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.made
	@$(call install,.[dev])
	@touch $@

$(SPEED)/.made: VENV := $(SPEED)
$(SPEED)/.made: BIN := $(SPEED)/bin
$(SPEED)/.made: pyproject.toml
	@$(make_venv)
	@$(call install,.[speed$(if $(EXTRA),$(comma)$(EXTRA))])
	@touch $@

define install
echo "installing varbench $(1) into $(VENV)"; \
if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python -e '$(1)'; \
else $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '$(1)'; fi
endef

$(VENV)/.made:
	@$(make_venv)
	@touch $@

define make_venv
if command -v uv >/dev/null 2>&1; then uv venv --quiet --allow-existing --python '>=3.11' $(VENV) && exit 0; fi; \
	for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "varbench needs Python 3.11 or later, and there is none: install python3.11 (or newer) and its venv package, or uv" >&2; exit 2; fi; \
	if ! $$found -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "the venv module of $$found is missing: install python3-venv (on Debian and Ubuntu: apt install python3-venv), or uv" >&2; exit 2; fi; \
	$$found -m venv $(VENV)
endef
