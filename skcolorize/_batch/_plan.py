"""Which files are coloured, and where each goes: settled, and refused where it can't be, before any work."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..datasets import image_paths
from ..datasets._paths import SUFFIXES
from ..images import PhotoError, tiff_pages
from ..images.encode import FORMATS, image_format
from ..images.storage import exists, glob_files, has_wildcards, is_remote, list_files, path_text

_UNWRITABLE = {".gif", *SUFFIXES} - set(FORMATS)
_PAGE = re.compile(r"(.+)-page-[0-9]+(\.[^.]+)", re.DOTALL)


@dataclass(frozen=True)
class Task:
    """A file to be coloured, and the file that the coloured photo goes to."""

    source: str
    output: str

    def names(self, n_alternatives: int, page: int | None = None) -> list[str]:
        """Paths of the coloured photo and its alternatives; `page` (from 1) where there are several."""
        first = self.output if page is None else numbered(self.output, f"page-{page}")
        return [first, *(numbered(first, i) for i in range(1, n_alternatives + 1))]


@dataclass(frozen=True)
class Plan:
    """Tasks, in the order of the sources, and the folder they go to (None for a single output file)."""

    tasks: list[Task]
    folder: str | None


def numbered(path: str, mark: object) -> str:
    """The path with a mark before its suffix: ``a.jpg`` and 1 give ``a-1.jpg``."""
    root, suffix = os.path.splitext(path)
    return f"{root}-{mark}{suffix}"


def join(folder: str, below: str) -> str:
    """The path of a file below a local folder or an address."""
    if is_remote(folder):
        return folder.rstrip("/") + "/" + below.replace(os.sep, "/")
    return os.path.join(folder, below)


def make_plan(
    sources: str | os.PathLike | Iterable[str | os.PathLike],
    destination: str | os.PathLike,
    format: str,
    n_alternatives: int,
    storage_options: dict | None,
) -> Plan:
    """Find the sources and name their outputs.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        A folder or a pattern that holds no photo.
    ValueError
        Two sources with one output, an output that is a source, or a destination that is no place for it.
    """
    destination = path_text(destination)
    if isinstance(sources, (str, os.PathLike)):
        sources = [sources]
    texts = [path_text(source) for source in sources]
    if not texts:
        raise ValueError("there are no sources")
    if _is_output_file(destination):
        plan = _plan_of_one(texts, destination, format)
    else:
        found = (pair for source in texts for pair in _find(source, destination, storage_options))
        tasks = [Task(path, join(destination, _renamed(below, format))) for path, below in found]
        plan = Plan(list(dict.fromkeys(tasks)), destination)
    _refuse_collisions(plan.tasks, n_alternatives)
    return plan


def outputs_there(plan: Plan, existing: str, n_alternatives: int, storage_options: dict | None) -> set[Task]:
    """The tasks that are done already, where `existing` is "skip"; none where it is "overwrite".

    Raises
    ------
    FileExistsError
        Where it is "error", and an output is there.
    """
    if existing == "overwrite":
        return set()
    is_there = _finder(plan.folder, storage_options)
    if existing == "skip":
        return {task for task in plan.tasks if all(map(is_there, task.names(n_alternatives)))}
    names = [name for task in plan.tasks for page in (None, 1) for name in task.names(n_alternatives, page)]
    found = list(filter(is_there, names))
    if found:
        others = f" and {len(found) - 1} more outputs are" if len(found) > 1 else " is"
        raise FileExistsError(
            f"{found[0]!r}{others} there already: existing='skip' or 'overwrite' "
            "(on the command line --skip-existing or --overwrite) goes on"
        )
    return set()


def _finder(folder: str | None, storage_options: dict | None) -> Callable[[str], bool]:
    """What tells whether an output is there; by one listing where the storage is remote."""
    if folder is None or not is_remote(folder):
        return functools.partial(exists, storage_options=storage_options)
    try:
        return set(list_files(folder, storage_options=storage_options)).__contains__
    except NotADirectoryError:
        return lambda name: False


def _is_output_file(destination: str) -> bool:
    suffix = os.path.splitext(destination)[1].lower()
    if suffix not in (*FORMATS, *_UNWRITABLE) or (not is_remote(destination) and os.path.isdir(destination)):
        return False
    if suffix in _UNWRITABLE:
        raise ValueError(f"{destination!r}: photos can't be written as {suffix}, but as {', '.join(FORMATS)}")
    return True


def _plan_of_one(sources: list[str], destination: str, format: str) -> Plan:
    if len(sources) > 1 or os.path.isdir(sources[0]) or has_wildcards(sources[0]):
        raise ValueError(f"{destination!r} names one photo, but the sources may be several: give a folder")
    if format != "same" and image_format(destination) != image_format(destination, format):
        raise ValueError(f"format={format!r} does not go with the destination {destination!r}")
    return Plan([Task(sources[0], destination)], None)


def _renamed(below: str, format: str) -> str:
    root, suffix = os.path.splitext(below)
    if format == "same":  # what can't be written (HEIC, AVIF) becomes JPEG
        return root + (suffix if suffix.lower() in FORMATS else ".jpg")
    return f"{root}.{format}"


def find_photos(source: str, storage_options: dict | None = None) -> tuple[str | None, list[str]]:
    """The photos that a folder, a pattern or a path stands for, and the folder that they lie below.

    A path of a file, missing or not, stands for itself and lies below None.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        No photo is there.
    """
    if has_wildcards(source):
        root, paths = glob_files(source, storage_options=storage_options)
        paths = [path for path in paths if path.lower().endswith(SUFFIXES)]
        if not paths:
            raise FileNotFoundError(f"no photo matches {source!r}")
        return root, paths
    if _is_folder(source):
        return source, image_paths(source, storage_options=storage_options)
    return None, [source]


def _find(source: str, destination: str, storage_options: dict | None) -> Iterator[tuple[str, str]]:
    """Photos that a source stands for: each path, and the path below the destination that it calls for."""
    root, paths = find_photos(source, storage_options)
    if root is None:
        yield source, os.path.basename(source)
        return
    if _identity(root) == _identity(destination):
        raise ValueError(f"the destination {destination!r} is the folder of the sources: give another one")
    nested = _is_below(destination, root)
    for path in paths:
        if not (nested and _is_below(path, destination)):  # what an earlier call has coloured is no source
            yield path, _below(path, root)


def _is_folder(source: str) -> bool:
    return not source.lower().endswith(SUFFIXES) if is_remote(source) else os.path.isdir(source)


def _below(path: str, folder: str) -> str:
    return path[len(folder.rstrip("/")) + 1 :] if is_remote(path) else os.path.relpath(path, folder)


def _identity(path: str) -> str:
    """The same text for all ways to write the path of a file."""
    return path.rstrip("/") if is_remote(path) else os.path.normcase(os.path.realpath(path))


def _is_below(path: str, folder: str) -> bool:
    separator = "/" if is_remote(folder) else os.sep
    return _identity(path).startswith(_identity(folder).rstrip(separator) + separator)


def _refuse_collisions(tasks: list[Task], n_alternatives: int) -> None:
    owners: dict[str, Task] = {}
    for task in tasks:
        for name in task.names(n_alternatives):
            other = owners.setdefault(_identity(name), task)
            if other is not task:
                raise ValueError(f"{task.source!r} and {other.source!r} have the same output, {name!r}")
    for task in tasks:
        if (owner := owners.get(_identity(task.source))) is not None:
            raise ValueError(f"{task.source!r} is a source, and the output of {owner.source!r}: sources stay")
        album = _PAGE.fullmatch(task.output)
        owner = owners.get(_identity("".join(album.groups()))) if album else None
        if owner is not None and owner is not task and _has_pages(owner.source):
            raise ValueError(
                f"{task.output!r} is the output of {task.source!r}, and a page of {owner.source!r}"
            )


def _has_pages(source: str) -> bool:
    try:
        return not is_remote(source) and len(tiff_pages(source)) > 1
    except PhotoError:
        return False
