"""How a job goes and went: a bar or lines while it runs, and the manifest."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from importlib.util import find_spec

from ..images.storage import exists, make_folder, open_file, replace_whole
from ._plan import join
from ._work import COLUMNS, Row

MANIFEST = "manifest.csv"


class Progress(AbstractContextManager):
    """Progress on the standard error: a bar where rich is installed, else a line for each photo.

    Parameters
    ----------
    total : int
        Files to be coloured.
    shown : bool
        False shows nothing.
    """

    def __init__(self, total: int, shown: bool):
        self._total, self._shown, self._bar = total, shown, None
        self._sources: set[str] = set()
        if shown and find_spec("rich") is not None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

            columns = ("colouring", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *error) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, rows: Iterable[Row]) -> None:
        """Tell of photos that are done, or have failed."""
        for row in rows:
            self._sources.add(row["source"])
            if self._shown and self._bar is None:
                what = f"{row['source']}: {row['error']}" if row["error"] else row["path"]
                print(f"{len(self._sources)}/{self._total} {row['status']}: {what}", file=sys.stderr)
        if self._bar is not None:
            self._bar.update(self._task, completed=len(self._sources))


def write_manifest(folder: str, rows: list[Row], storage_options: dict | None) -> None:
    """Write the table of a folder's photos: these rows, and those of earlier jobs that they don't replace.

    Names that are not UTF-8 are written as the bytes that they are.

    Raises
    ------
    ValueError
        The folder holds a table of this name that no job has written; it stays as it is.
    """
    path = join(folder, MANIFEST)
    merged = _rows_there(path, storage_options)
    for row in rows:
        key = row["source"], row["path"]
        if row["status"] != "skipped" or key not in merged:
            merged[key] = row
    with io.StringIO(newline="") as table:
        writer = csv.DictWriter(table, COLUMNS, extrasaction="ignore", restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(merged.values())
        make_folder(folder, storage_options=storage_options)
        with replace_whole(path, storage_options=storage_options) as file:
            file.write(table.getvalue().encode(errors="surrogateescape"))


def _rows_there(path: str, storage_options: dict | None) -> dict[tuple[str, str], Row]:
    """The rows of earlier jobs, by source and path."""
    if not exists(path, storage_options=storage_options):
        return {}
    with open_file(path, storage_options=storage_options) as file:
        # A spreadsheet may have put a byte order mark before them.
        text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
        table = csv.DictReader(text)
        try:
            if tuple(table.fieldnames or ()) != COLUMNS:
                raise ValueError(f"its columns are not {','.join(COLUMNS)}")
            return {(row["source"], row["path"]): row for row in table}
        except (ValueError, csv.Error) as error:
            raise ValueError(
                f"{path!r} is no manifest of coloured photos ({error}): move it, or give another folder"
            ) from error
