# make run    set everything up, then listen to the microphone (or play the sample where there is none)
# make test   set everything up, then run the tests
# make lint   ruff and mypy
# make bench  real-time factor, memory, time until it listens
# PYTHON=... chooses the interpreter; otherwise the newest CPython 3.9 to 3.12 that is found, 3.13, 3.14, or uv.

SHELL := /bin/sh
VENV ?= .venv

ifeq ($(OS),Windows_NT)
  BIN := $(VENV)/Scripts
else
  BIN := $(VENV)/bin
endif
PY := $(BIN)/python

.PHONY: run test lint bench clean english

run: $(VENV)/run.stamp
	@$(PY) -m streamer.cli.first_run

test: $(VENV)/dev.stamp
	$(PY) -m pytest

lint: $(VENV)/dev.stamp
	$(PY) -m ruff check .
	$(PY) -m mypy

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
	$(PY) -m streamer.cli.english --data $(DATA) --text $(TEXT) --output $(BUNDLE) \
		$(if $(KOKORO),--kokoro $(KOKORO) --voices $(VOICES)) $(OPTIONS)

$(PY):
	@sh .ci/find-python "$(PYTHON)" "$(VENV)"

$(VENV)/run.stamp: pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	$(PY) -m pip install --quiet --editable ".[dev,convert,dictation]"
	@touch $@

$(VENV)/train.stamp: $(VENV)/run.stamp
	$(PY) -m pip install --quiet --editable ".[train]"
	@touch $@

$(VENV)/synthesis.stamp: $(VENV)/run.stamp
	$(PY) -m pip install --quiet --editable ".[synthesis]"
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist
