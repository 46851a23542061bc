# make run       set everything up, then listen to the microphone (or play the sample where there is none)
# make test      set everything up, then run the tests but for the slowest: about three minutes on two cores
# make test-all  all tests
# make lint      ruff and mypy
# make docs      build the documentation into site/ (Python 3.10 or later)
# make bench     real-time factor, memory, time until it listens
# make english   train the bundled model, from manifests to bundle
# PYTHON=... chooses the interpreter; otherwise the newest CPython 3.9 to 3.12 that is found, 3.13, 3.14, or uv.

SHELL := /bin/sh
VENV ?= .venv

ifeq ($(OS),Windows_NT)
  BIN := $(VENV)/Scripts
else
  BIN := $(VENV)/bin
endif
PY := $(BIN)/python

comma := ,

# Installs $(1) and says so, $(2) in words. What pip warns of is shown only where it fails.
define install
	@echo "==> installing $(2)"
	@$(PY) -m pip install --disable-pip-version-check $(1) 2>$(VENV)/pip.log || { cat $(VENV)/pip.log >&2; exit 1; }
endef

.PHONY: run test test-all lint docs bench clean english

run: $(VENV)/run.stamp
	@echo "==> starting streamer (later: $(BIN)/streamer)"
	@$(PY) -m streamer.cli.first_run

test: $(VENV)/dev.stamp
	$(PY) -m pytest -m "not slow"

test-all: $(VENV)/dev.stamp
	$(PY) -m pytest

lint: $(VENV)/dev.stamp
	$(PY) -m ruff check .
	$(PY) -m mypy

docs: $(VENV)/docs.stamp
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet

bench: $(VENV)/run.stamp
	$(PY) -m streamer bench

# From the manifests to the bundle: DATA is a folder with train.tsv and dev.tsv, TEXT a folder with texts.
DATA ?= ../shared/speech
TEXT ?= ../shared/text
# KOKORO and VOICES add synthetic speech: Kokoro's ONNX file with weights in 8 bits, the folder of its voices.
KOKORO ?=
# Where the bundle goes; OPTIONS go to the trainings: "--minutes 20 --recurrent-minutes 5" for a first look.
BUNDLE ?= assets/english
OPTIONS ?=
english: $(VENV)/train.stamp $(if $(KOKORO),$(VENV)/synthesis.stamp)
	$(PY) -m streamer.training.english --data $(DATA) --text $(TEXT) --output $(BUNDLE) \
		$(if $(KOKORO),--kokoro $(KOKORO) --voices $(VOICES)) $(OPTIONS)

$(PY):
	@sh .ci/find-python "$(PYTHON)" "$(VENV)"

$(VENV)/run.stamp: pyproject.toml | $(PY)
	$(call install,--quiet --upgrade pip,pip)
	$(call install,--editable .,streamer and the libraries it needs (about 150 MB, once))
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	$(call install,--editable ".[dev$(comma)convert$(comma)dictation]",what the tests need)
	@touch $@

$(VENV)/docs.stamp: $(VENV)/run.stamp
	$(call install,--editable ".[docs]",what the documentation needs)
	@touch $@

$(VENV)/train.stamp: $(VENV)/run.stamp
	$(call install,--editable ".[train]",what training needs (PyTorch: up to several GB))
	@touch $@

$(VENV)/synthesis.stamp: $(VENV)/run.stamp
	$(call install,--editable ".[synthesis]",what synthetic speech needs)
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist site
