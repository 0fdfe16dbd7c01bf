"""Where scraped photos lie: a folder or a bucket, the photos' names there, and the scraper's own corner.

Beside the photos the scraper keeps a hidden folder ``.skcolorize``: its lock and its journals for a local
output, numbered parts of the journal for a bucket, whose lock and journals lie on this machine.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from ..images import storage

CORNER = ".skcolorize"


def data_home(path: str | os.PathLike | None = None) -> str:
    """The folder or address for data: the argument, ``SKCOLORIZE_DATA``, or ``~/skcolorize_data``."""
    chosen = storage.path_text(path or os.environ.get("SKCOLORIZE_DATA") or "~/skcolorize_data")
    return chosen if storage.is_remote(chosen) else os.path.expanduser(chosen)


def local_data_home(path: str | os.PathLike | None = None) -> str:
    """The data home if on this machine, else the usual one: archives, locks and journals need a disk."""
    home = data_home(path)
    return os.path.expanduser("~/skcolorize_data") if storage.is_remote(home) else home


def photo_name(identifier: str) -> str:
    """The name, without extension, of a photo: safe on every system and never the same for two identifiers.

    The readable part of an identifier and a hash of all of it: what differs only by case, is reserved
    (``CON``), begins with a dash or climbs (``../x``) ends as an ordinary name.
    """
    if re.fullmatch("[0-9a-f]{32}", identifier):  # the hash of an address
        return identifier
    readable = re.sub(r"[^a-z0-9]+", "_", identifier.lower()).strip("_")[:40]
    digest = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{readable}-{digest}" if readable else digest


def is_leftover(name: str) -> bool:
    """Whether a file is the unfinished one of a process that was killed while writing."""
    return name.startswith(".skcolorize-") and name.endswith(".part")


class OutputBusy(RuntimeError):
    """Another process or thread is writing to the output."""


class Output:
    """A folder or a bucket's prefix with photos and tables in it.

    Parameters
    ----------
    root : str or PathLike
        Folder or address.
    storage_options : dict, optional
        Handed to fsspec.
    """

    def __init__(self, root: str | os.PathLike, storage_options: dict | None = None):
        text = storage.path_text(root)
        self.remote = storage.is_remote(text)
        self.root = text.rstrip("/") if self.remote else os.path.abspath(text)
        self.options = storage_options
        if self.remote:
            key = hashlib.sha256(self.root.encode()).hexdigest()[:16]
            self.corner = os.path.join(local_data_home(), "journals", key)
        else:
            self.corner = os.path.join(self.root, CORNER)

    def path(self, name: str) -> str:
        """The whole path or address of a name."""
        return f"{self.root}/{name}" if self.remote else os.path.join(self.root, *name.split("/"))

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        with storage.replace_whole(self.path(name), storage_options=self.options) as file:
            file.write(content)

    def read(self, name: str) -> bytes | None:
        """The content of a file, None where it isn't there."""
        try:
            with storage.open_file(self.path(name), storage_options=self.options) as file:
                return file.read()
        except FileNotFoundError:
            return None

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Name and bytes of the files right in a folder."""
        if not self.remote:
            try:
                with os.scandir(self.path(folder) if folder else self.root) as entries:
                    return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
            except FileNotFoundError:
                return {}
        from fsspec.core import url_to_fs

        filesystem, inner = url_to_fs(self.path(folder) if folder else self.root, **(self.options or {}))
        filesystem.invalidate_cache()
        try:
            entries = filesystem.ls(inner, detail=True)
        except FileNotFoundError:
            return {}
        return {e["name"].rsplit("/", 1)[-1]: e["size"] for e in entries if e["type"] == "file"}

    def delete(self, names: Iterable[str]) -> None:
        """Delete files; those that are gone already are no error."""
        names = list(names)
        if not self.remote:
            for name in names:
                with suppress(FileNotFoundError):
                    os.unlink(self.path(name))
        elif names:
            from fsspec.core import url_to_fs

            filesystem, inner = url_to_fs(self.root, **(self.options or {}))
            for name in names:
                with suppress(FileNotFoundError):
                    filesystem.rm_file(f"{inner.rstrip('/')}/{name}")
            filesystem.invalidate_cache()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only writer of this output.

        Raises
        ------
        OutputBusy
            Another one is writing.
        """
        os.makedirs(self.corner, exist_ok=True)
        with ExitStack() as stack:
            try:
                stack.enter_context(storage.lock(os.path.join(self.corner, "lock"), wait=False))
            except BlockingIOError as error:
                raise OutputBusy(f"another scraper is writing to {self.root!r}: wait for its end") from error
            yield
