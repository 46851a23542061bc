# make run       set everything up, then listen to the microphone (or play the sample where there is none)
# make test      set everything up, then run the tests but for the slowest: about three minutes on two cores
# make test-all  all tests
# make coverage  all tests, then the lines and branches that none of them ran: at least 90 %
# make mutation  is every small fault in the modules that everything rests on noticed by a test?
# make fuzz      feed damaged files to everything that reads any: FUZZ_SECONDS=120 for each target, TARGETS=...
# make lint      ruff and mypy
# make docs      build the documentation into site/ (Python 3.10 or later)
# make bench     real-time factor, memory, time until it listens; each stage's cost and latency, into build/bench
# make english   train the bundled model, from manifests to bundle
# make lock      write requirements/*.txt: the newest versions that pyproject.toml allows, with their hashes
# make audit     look for known vulnerabilities and for licences that do not fit
# LOCKED=no installs the newest allowed versions instead of those in requirements/.
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

# Versions and hashes from requirements/, or whatever pyproject.toml allows.
LOCKED ?= yes
HASHED := $(filter yes,$(LOCKED))
# What pip installs: requirements/$(1).txt, or streamer with the extras $(2). What builds packages is
# in requirements/build.txt, because pip looks at no hashes of what it builds with in isolation.
from = $(if $(HASHED),--require-hashes --no-build-isolation --requirement requirements/$(1).txt,--editable ".$(2)")

# Installs $(1) and says so, $(2) in words. Of what pip prints only large downloads are shown, and its warnings where it fails.
define install
	@echo "==> installing $(2)"
	@rm -f $(VENV)/pip.failed
	@{ $(PY) -m pip install --disable-pip-version-check $(1) 2>$(VENV)/pip.log || touch $(VENV)/pip.failed; } \
		| grep --line-buffered -E "Downloading .* MB\)|^Building" || true
	@[ ! -e $(VENV)/pip.failed ] || { cat $(VENV)/pip.log >&2; \
		$(if $(HASHED),echo "error: the tested versions cannot be installed - try: make LOCKED=no" >&2;) exit 1; }
endef

.PHONY: run test test-all coverage mutation fuzz lint docs bench clean english lock audit

run: $(VENV)/run.stamp
	@echo "==> starting streamer (later: $(BIN)/streamer)"
	@$(PY) -m streamer.cli.first_run

test: $(VENV)/dev.stamp
	$(PY) -m pytest -m "not slow"

test-all: $(VENV)/dev.stamp $(VENV)/server.stamp $(VENV)/cluster.stamp
	$(PY) -m pytest

coverage: $(VENV)/dev.stamp $(VENV)/server.stamp $(VENV)/cluster.stamp
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

mutation: $(VENV)/dev.stamp
	$(PY) -m benchmarks.mutation_testing

# Seconds for each target, here and (10 if not given) in test-all.
FUZZ_SECONDS ?= 120
TARGETS ?=
fuzz: $(VENV)/dev.stamp
	$(PY) -m tests.fuzz --seconds $(FUZZ_SECONDS) $(TARGETS)

lint: $(VENV)/dev.stamp
	$(PY) -m ruff check .
	$(PY) -m mypy

docs: $(VENV)/docs.stamp
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet

bench: $(VENV)/run.stamp
	$(PY) -m streamer bench
	$(PY) -m benchmarks.stages --peers --output build/bench

# From the manifests to the bundle: DATA is a folder with train.tsv and dev.tsv, TEXT a folder with texts.
DATA ?= ../shared/speech
TEXT ?= ../shared/text
# KOKORO and VOICES add synthetic speech: Kokoro's ONNX file with weights in 8 bits, the folder of its voices.
KOKORO ?=
# MORE are further manifests, NOISE is a folder of recorded noises, UNLIKE are manifests of other speech, which trains
# nothing: the confidence of words is fitted to it too.
MORE ?=
NOISE ?=
UNLIKE ?=
# Where the bundle goes; OPTIONS go to the trainings: "--minutes 20 --recurrent-minutes 5" for a first look.
BUNDLE ?= assets/english
# TEXT_SOURCES is a folder of printed text, see docs/training.md: the text model is then made of it as well.
TEXT_SOURCES ?=
TEXT_MODEL ?= assets/text-en
TEXT_OPTIONS ?=
OPTIONS ?=
english: $(VENV)/train.stamp $(if $(KOKORO),$(VENV)/synthesis.stamp)
	$(PY) -m streamer.training.english --data $(DATA) --text $(TEXT) --output $(BUNDLE) \
		$(addprefix --more ,$(MORE)) $(if $(NOISE),--noise $(NOISE)) $(addprefix --unlike ,$(UNLIKE)) \
		$(if $(KOKORO),--kokoro $(KOKORO) --voices $(VOICES)) $(OPTIONS)
	$(if $(TEXT_SOURCES),$(PY) -m streamer train-text $(TEXT_SOURCES) --output $(TEXT_MODEL) --work work/text \
		--without-lines $(DATA)/dev.tsv $(TEXT_OPTIONS))

$(PY):
	@sh .ci/find-python "$(PYTHON)" "$(VENV)"

$(VENV)/run.stamp: pyproject.toml requirements/build.txt requirements/run.txt | $(PY)
	$(call install,--quiet $(if $(HASHED),--require-hashes --requirement requirements/build.txt,--upgrade pip),pip)
	$(call install,$(call from,run),the libraries that streamer needs (about 150 MB, once: a minute or two))
	$(call install,--quiet --no-deps $(if $(HASHED),--no-build-isolation) --editable .,streamer)
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/test.txt
	$(call install,$(call from,test,[dev$(comma)convert]),what the tests need)
	@touch $@

$(VENV)/server.stamp: $(VENV)/dev.stamp requirements/server.txt
	$(call install,$(call from,server,[server$(comma)clients]),what the server and its tests need)
	@touch $@

$(VENV)/cluster.stamp: $(VENV)/server.stamp requirements/cluster.txt
	$(call install,$(call from,cluster,[cluster$(comma)object-store]),what clusters and their tests need)
	@touch $@

$(VENV)/docs.stamp: $(VENV)/run.stamp requirements/docs.txt
	$(call install,$(call from,docs,[docs]),what the documentation needs)
	@touch $@

$(VENV)/train.stamp: $(VENV)/run.stamp
	$(call install,--editable ".[train]",what training needs (PyTorch: up to several GB))
	@touch $@

$(VENV)/synthesis.stamp: $(VENV)/run.stamp
	$(call install,--editable ".[synthesis]",what synthetic speech needs)
	@touch $@

lock:
	sh .ci/lock

audit: $(VENV)/dev.stamp
	$(PY) .ci/licences.py
	sh .ci/audit $(PY)

clean:
	rm -rf $(VENV) .venv-audit .venv-lock .pytest_cache .mypy_cache .ruff_cache build dist site
