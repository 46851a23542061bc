"""Recordings and transcripts wherever fsspec reaches: folders, ``s3://``, ``gs://``, ``ssh://``."""

from __future__ import annotations

import contextlib
import os
import posixpath
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer.errors import OutputError, StreamerError, UsageError
from streamer.output.files import RECORDING_SUFFIXES

#: Packages that fsspec needs for an address, by its protocol.
PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "ssh": "paramiko",
    "sftp": "paramiko", "abfs": "adlfs", "az": "adlfs", "http": "aiohttp", "https": "aiohttp",
}  # fmt: skip

#: Stores in which an object appears whole or not at all.
_OBJECT_STORES = frozenset(["s3", "s3a", "gs", "gcs", "abfs", "az", "memory"])

#: What stores call the state of an object, the most telling first.
_STAMPS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "updated", "created")

#: Ends the name of a file that is being written.
_UNFINISHED = ".part"


@dataclass(frozen=True)
class Recording:
    """A recording of an archive.

    Attributes:
        url: its address, always with a protocol.
        name: its path within the folder that was given; its own name if it was given itself.
        size: in bytes.
        stamp: changes when the recording does: a checksum or a time.
    """

    url: str
    name: str
    size: int
    stamp: str


class Folder:
    """A folder for results.

    Args:
        url: its address or path.

    Attributes:
        url: the same, for messages.

    Raises:
        UsageError: nothing reaches that address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs, self._root = open_address(url)
        self._root = self._root.rstrip("/")

    def names(self, within: str = "") -> set[str]:
        """Return the names of all files in it or in a folder of it, relative to this folder.

        Raises:
            OutputError: it cannot be read.
        """
        with self._errors(within):
            self._fs.invalidate_cache()
            try:
                found = self._fs.find(self._path(within) if within else self._root)
            except FileNotFoundError:
                return set()
            return {path[len(self._root) + 1 :] for path in found}

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is no such file.

        Raises:
            OutputError: it cannot be read.
        """
        with self._errors(name):
            try:
                content: bytes = self._fs.cat_file(self._path(name))
                return content
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all; folders above it are created.

        Raises:
            OutputError: it cannot be written.
        """
        path = self._path(name)
        with self._errors(name):
            if _protocol(self._fs) in _OBJECT_STORES:
                self._fs.pipe_file(path, content)
                return
            self._fs.makedirs(posixpath.dirname(path), exist_ok=True)
            unfinished = f"{path}.{os.getpid()}{_UNFINISHED}"
            try:
                if is_local(self._fs):
                    with open(unfinished, "wb") as file:
                        file.write(content)
                        file.flush()
                        os.fsync(file.fileno())
                    os.replace(unfinished, path)
                else:
                    self._fs.pipe_file(unfinished, content)
                    self._fs.mv(unfinished, path)
            except BaseException:
                with contextlib.suppress(Exception):
                    self._fs.rm_file(unfinished)
                raise

    def remove(self, name: str) -> None:
        """Remove a file or a folder, if it is there; failures do no harm."""
        with contextlib.suppress(Exception):
            self._fs.rm(self._path(name), recursive=True)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextlib.contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except StreamerError:
            raise
        except Exception as error:  # each store has its own
            raise OutputError(
                f"{posixpath.join(self.url, name)} is not accessible ({_reason(error)})",
                "check the address and your rights, or name another --output-dir",
            ) from error


def open_address(url: str) -> tuple[Any, str]:
    """Return the file system of an address and the path in it.

    Raises:
        UsageError: the address is not valid, or a package for it is missing.
    """
    from fsspec.core import url_to_fs

    protocol = url.partition("://")[0] if "://" in url else "file"
    try:
        fs, path = url_to_fs(os.path.abspath(url) if "://" not in url else url)
    except ImportError as error:
        package = PACKAGES.get(protocol, error.name or protocol)
        raise UsageError(
            f"{protocol}:// needs the package {package}", f"pip install {package}"
        ) from None
    except Exception as error:  # each store has its own
        raise UsageError(f"{url} cannot be used ({_reason(error)})", "check the address") from error
    return fs, str(path)


def is_local(fs: Any) -> bool:
    """Whether a file system is that of this machine."""
    return _protocol(fs) in ("file", "local")


def find_recordings(given: str) -> list[Recording]:
    """Return a recording, or those in a folder and below it, sorted by name.

    Hidden files are left out, and files whose names are not those of recordings.

    Args:
        given: a path or an address.

    Raises:
        UsageError: there is nothing, it cannot be read, or the folder has no recording.
    """
    fs, root = open_address(given)
    root = root.rstrip("/") or "/"
    prefix = _prefix(fs, given, root)
    try:
        if not fs.isdir(root):
            name = posixpath.basename(root)
            return [_recording(prefix + root, name, fs.info(root))]
        found = fs.find(root, detail=True)
    except FileNotFoundError:
        raise UsageError(f"there is nothing at {given}", "check the name") from None
    except Exception as error:  # each store has its own
        raise UsageError(
            f"{given} cannot be read ({_reason(error)})", "check the address and your rights"
        ) from error
    names = {path: path[len(root) :].lstrip("/") for path in found}
    recordings = [
        _recording(prefix + path, names[path], info)
        for path, info in sorted(found.items())
        if _is_recording(names[path])
    ]
    if not recordings:
        raise UsageError(
            f"the folder {given} contains no recording", "name a folder with WAV, FLAC, OGG or MP3"
        )
    return recordings


@contextlib.contextmanager
def local_file(url: str) -> Iterator[Path]:
    """Give a recording as a file of this machine; a copy is removed afterwards.

    Raises:
        UsageError: the address cannot be used here.
        OSError: the recording cannot be copied; or whatever the store raises.
    """
    fs, path = open_address(url)
    if is_local(fs):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="streamer-") as folder:
        suffix = posixpath.splitext(path)[1][:16]
        copy = Path(folder, "recording" + "".join(c for c in suffix if c.isalnum() or c == "."))
        fs.get_file(path, str(copy))
        yield copy


def output_names(
    recordings: Sequence[Recording], suffix: str, known: dict[str, str]
) -> dict[str, str]:
    """Return the name of each recording's transcript, by its address.

    A transcript has the recording's name, with another suffix; names that would collide, or
    differ only in case, become ``talk-2``, ``talk-3`` and so on.

    Args:
        recordings: those to name.
        suffix: of the format.
        known: names of an earlier run by address, which are kept.
    """
    names = {each.url: known[each.url] for each in recordings if each.url in known}
    taken = {name.lower() for name in known.values()}
    for each in recordings:
        if each.url in names:
            continue
        stem = posixpath.splitext(each.name)[0]
        name, number = stem + suffix, 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}{suffix}"
        taken.add(name.lower())
        names[each.url] = name
    return names


def _prefix(fs: Any, given: str, root: str) -> str:
    """Return what makes an address of a path: protocol, user and host."""
    given = given.rstrip("/")
    if "://" in given and given.endswith(root):
        return given[: len(given) - len(root)]
    whole = str(fs.unstrip_protocol(root))
    return whole[: len(whole) - len(root)] if whole.endswith(root) else ""


def _recording(url: str, name: str, info: dict[str, Any]) -> Recording:
    stamp = next((str(info[key]) for key in _STAMPS if info.get(key)), "")
    return Recording(url, name, int(info.get("size") or 0), stamp)


def _is_recording(name: str) -> bool:
    """Whether a name within a folder is that of a recording, and leads nowhere else."""
    parts = name.split("/")
    # An object store takes any name, also one with "..": no transcript may leave its folder.
    return (
        all(part and not part.startswith(".") for part in parts)
        and "\0" not in name
        and posixpath.splitext(name)[1].lower() in RECORDING_SUFFIXES
    )


def _protocol(fs: Any) -> str:
    return fs.protocol if isinstance(fs.protocol, str) else str(fs.protocol[0])


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
