"""Checks the licences of the installed packages that streamer needs at run time.

    python .ci/licences.py

Prints a line for each package whose licence is not known to fit MIT, and ends
with exit code 1 if there is one. Packages for tests and training are not
distributed with streamer and are not checked.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata

#: What may be used by a program under MIT without further duties than naming it.
FITTING = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|0BSD|CC0|Unlicense|HPND|WTFPL|"
    r"Public Domain|MPL|Mozilla Public License|LGPL|Lesser General Public License)\b",
    re.IGNORECASE,
)

#: Packages whose metadata name no licence, with what their files say.
BY_HAND = {"flatbuffers": "Apache-2.0", "python-speech-features": "MIT"}


def canonical(name: str) -> str:
    """Return a package's name as metadata spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(name: str) -> set[str]:
    """Return the installed packages that a package needs, itself included."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        each = canonical(waiting.pop())
        if each in found:
            continue
        try:
            requirements = metadata.requires(each) or []
        except metadata.PackageNotFoundError:
            continue  # for another system or Python
        found.add(each)
        waiting += [
            re.split(r"[ ;<>=!~\[(]", requirement, maxsplit=1)[0]
            for requirement in requirements
            if "extra ==" not in requirement
        ]
    return found


def licence(name: str) -> str:
    """Return all that a package's metadata say about its licence."""
    about = metadata.metadata(name)
    said = [about.get("License-Expression") or "", (about.get("License") or "")[:200]]
    said += [each for each in about.get_all("Classifier") or [] if each.startswith("License")]
    return " / ".join(filter(None, said)) or BY_HAND.get(name, "")


def main() -> int:
    """Check all and return the exit code."""
    packages = sorted(needed("streamer-stt") - {"streamer-stt"})
    unknown = [name for name in packages if not FITTING.search(licence(name))]
    for name in unknown:
        print(f"licence of {name}: {licence(name) or 'not stated'} - look at it", file=sys.stderr)
    print(f"{len(packages) - len(unknown)} of {len(packages)} packages have a licence that fits")
    return 1 if unknown or not packages else 0


if __name__ == "__main__":
    sys.exit(main())
