"""Where things are in the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Small files that tests read.
DATA = ROOT / "tests" / "data"
#: A scorer package of a few words.
TINY_SCORER = DATA / "tiny.scorer"
