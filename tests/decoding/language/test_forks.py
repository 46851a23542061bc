"""A process that forks in one thread loads and runs models in another."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

TIMEOUT_S = 60

#: Forks, as `subprocess` does on Python 3.9, until the other thread is done.
_FORKING = """
import os, threading
from pathlib import Path

{work}

thread = threading.Thread(target=work)
thread.start()
while thread.is_alive():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
"""
_READS = """
from streamer.decoding.language.recurrent_model import read_recurrent_model

def work():
    for _ in range(20):
        read_recurrent_model(Path("assets/english/english.recurrent.safetensors"))
"""
_INFERS = """
import numpy as np
from streamer.acoustic import numpy_model
from tests.support.models.bundles import random_weights

numpy_model._STARTING_ENDS_THREADS = True
model = numpy_model.NumpyAcousticModel(random_weights(640))
window = np.ones((1, 16, 19, 26), np.float32)

def work():
    for _ in range(40):
        model.infer(window, 16, model.initial_state())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.parametrize("work", [_READS, _INFERS], ids=["recurrent model", "NumPy network"])
def test_products_end_though_the_process_forks(work: str) -> None:
    script = _FORKING.replace("{work}", work)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, timeout=TIMEOUT_S, check=True
    )
