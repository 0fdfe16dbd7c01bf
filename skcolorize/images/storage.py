"""Where files lie: open, list, lock, write whole or not at all; locally, and ``scheme://`` through fsspec."""

import errno
import fnmatch
import glob
import io
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any, BinaryIO

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
_WILDCARD = re.compile(r"[*?[]")
_LOST_SLASH = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:[/\\](?![/\\])")


def path_text(path: str | os.PathLike) -> str:
    """The path as text; an address whose second slash a ``Path`` has swallowed is refused."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"a path must be a str or a PathLike of str, got {path!r}")
    if isinstance(path, PurePath) and _LOST_SLASH.match(text):
        raise ValueError(
            f"{path!r} has lost a slash of its address, as every Path of an address does: give a str"
        )
    return text


def is_remote(path: Any) -> bool:
    """Whether `path` is an address such as ``s3://bucket/a.jpg``, which fsspec reads and writes."""
    return isinstance(path, str) and _SCHEME.match(path) is not None


def _filesystem(address: str, storage_options: dict | None):
    """The fsspec file system of an address, and the path within it."""
    try:
        from fsspec.core import url_to_fs

        return url_to_fs(address, **(storage_options or {}))
    except ImportError as error:  # fsspec itself, or the driver of this scheme
        raise ImportError(f"{address!r} is remote: pip install 'skcolorize[remote]' ({error})") from error


@contextmanager
def _reaching(address: str) -> Iterator[None]:
    """Turn what fsspec's drivers raise, of any kind, into an OSError that names the address."""
    try:
        yield
    except (FileNotFoundError, PermissionError) as error:
        code = errno.ENOENT if isinstance(error, FileNotFoundError) else errno.EACCES
        raise OSError(code, os.strerror(code), address) from error
    except (OSError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise OSError(errno.EIO, str(error) or type(error).__name__, address) from error


def open_file(path: str | os.PathLike, *, storage_options: dict | None = None) -> BinaryIO:
    """Open a local or remote file to read. To write one use `replace_whole`."""
    text = path_text(path)
    if not is_remote(text):
        return open(text, "rb")
    filesystem, inner = _filesystem(text, storage_options)
    with _reaching(text):  # in one request: photos are read to their end, and a seekable file is needed
        return io.BytesIO(filesystem.cat_file(inner))


def exists(path: str | os.PathLike, *, storage_options: dict | None = None) -> bool:
    """Whether a file or folder is there."""
    text = path_text(path)
    if not is_remote(text):
        return os.path.exists(text)
    filesystem, inner = _filesystem(text, storage_options)
    with _reaching(text):
        return filesystem.exists(inner)


def list_files(
    folder: str | os.PathLike, pattern: str = "*", *, storage_options: dict | None = None
) -> list[str]:
    """All files below a folder whose name matches, sorted by path; hidden files and folders are left out.

    Links to files are listed, links to folders are not followed. A folder that can't be read is an error.

    Parameters
    ----------
    folder : str or PathLike
        A local folder or an address.
    pattern : str
        Shell pattern for the file's name, whatever its case (``*.jpg`` finds ``A.JPG``). A pattern with a
        slash is held against the path below `folder`, where ``*`` stands for folders as well.
    storage_options : dict, optional
        Handed to fsspec.

    Returns
    -------
    paths : list of str
    """
    text = path_text(folder)
    if is_remote(text):
        filesystem, inner = _filesystem(text, storage_options)
        with _reaching(text):
            is_folder, found = filesystem.isdir(inner), filesystem.find(inner)
        start = len(inner.rstrip("/")) + 1
    else:
        is_folder = os.path.isdir(text)
        found = list(_walk(text)) if is_folder else []
        start = len(os.path.join(text, ""))
    if not is_folder:
        raise NotADirectoryError(f"{text!r} is not a folder")
    below = [name[start:] for name in found]
    root = text.rstrip("/") + "/" if is_remote(text) else os.path.join(text, "")
    return sorted(root + name for name in below if _matches(name.replace(os.sep, "/"), pattern))


def _walk(folder: str) -> Iterator[str]:
    def refuse(error: OSError):
        raise error  # os.walk would pass the folder by

    for base, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(base, name) for name in names)


def has_wildcards(path: str) -> bool:
    """Whether a path is a pattern of the shell; a local file whose name looks like one is none."""
    return _WILDCARD.search(path) is not None and (is_remote(path) or not os.path.exists(path))


def glob_files(pattern: str, *, storage_options: dict | None = None) -> tuple[str, list[str]]:
    """Files that match a pattern (``*`` within a folder, ``**`` across), and all files in folders that do.

    Parameters
    ----------
    pattern : str
        Local or an address.
    storage_options : dict, optional
        Handed to fsspec.

    Returns
    -------
    root : str
        The folder above the first wildcard.
    paths : list of str
        Sorted; hidden files are left out.
    """
    fixed = _WILDCARD.split(pattern, maxsplit=1)[0]
    cut = max(fixed.rfind("/"), fixed.rfind(os.sep)) + 1
    root, rest = pattern[:cut], pattern[cut:]
    if is_remote(pattern):
        filesystem, inner = _filesystem(root, storage_options)
        inner = inner.rstrip("/") + "/"
        with _reaching(pattern):
            found = [root + name[len(inner) :] for name in filesystem.glob(inner + rest)]
            folders = {path for path in found if filesystem.isdir(inner + path[len(root) :])}
    else:
        found = glob.glob(pattern, recursive=True)
        folders = {path for path in found if os.path.isdir(path)}
    paths = {path for path in found if path not in folders}
    for folder in folders:
        paths.update(list_files(folder, storage_options=storage_options))
    return root or os.curdir, sorted(paths)


def _matches(below: str, pattern: str) -> bool:
    *folders, name = below.split("/")
    if any(part.startswith(".") for part in (*folders, name)):
        return False
    return fnmatch.fnmatchcase((below if "/" in pattern else name).lower(), pattern.lower())


@contextmanager
def replace_whole(path: str | os.PathLike, *, storage_options: dict | None = None) -> Iterator[BinaryIO]:
    """A file to write and seek in, which takes the place of `path` when the block ends, whole or not at all.

    A local one is written beside its target, flushed to disk and renamed; a remote one is sent in one piece.
    When the block raises, the target stays as it was.
    """
    text = path_text(path)
    if is_remote(text):
        filesystem, inner = _filesystem(text, storage_options)
        with io.BytesIO() as buffer:
            yield buffer
            with _reaching(text):
                filesystem.pipe_file(inner, buffer.getvalue())
        return
    target = os.path.realpath(text)  # a link stays a link
    part = os.path.join(os.path.dirname(target), f".skcolorize-{secrets.token_hex(8)}.part")
    try:
        with open(
            part, "x+b"
        ) as file:  # unlike tempfile's, this has the permissions that the user's umask gives
            yield file
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(target, part)
        os.replace(part, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise
    _sync_folder(os.path.dirname(target))


def _sync_folder(folder: str) -> None:
    """Make a rename in this folder last through a power cut, where the system can (Windows can't)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def lock(path: str | os.PathLike, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock of the operating system, named by a file, among the processes and threads of one machine.

    It ends with the block, or with the process, however that dies.

    Raises
    ------
    BlockingIOError
        Another one holds it and `wait` is False.
    """
    text = os.path.realpath(path_text(path))
    descriptor = _acquire(text, wait)
    try:
        yield
    finally:
        if os.name == "posix":  # Windows can't remove an open file: there it stays, empty
            with suppress(FileNotFoundError):
                os.unlink(text)
        os.close(descriptor)  # and with it the lock


def _acquire(path: str, wait: bool) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock_descriptor(descriptor, wait)
            # The last holder may have removed the file while we waited; a removed file guards nothing.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


if sys.platform != "win32":
    import fcntl

    def _lock_descriptor(descriptor: int, wait: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

else:
    import msvcrt

    def _lock_descriptor(descriptor: int, wait: bool) -> None:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
                return
            except OSError as error:
                if not wait:
                    raise BlockingIOError(*error.args) from error
                time.sleep(0.1)


def make_folder(path: str | os.PathLike, *, storage_options: dict | None = None) -> None:
    """Make a folder and those above it, unless it is there or the storage has no folders."""
    text = path_text(path)
    if is_remote(text):
        filesystem, inner = _filesystem(text, storage_options)
        with _reaching(text):
            filesystem.makedirs(inner, exist_ok=True)
    else:
        Path(text).mkdir(parents=True, exist_ok=True)
