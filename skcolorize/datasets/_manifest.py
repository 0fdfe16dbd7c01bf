"""What became of each address: a journal while the scraper runs, one table at its end.

A journal has a line of JSON for each address whose fate is settled. One process appends to it, and it may
end in half a line where that process was killed. The table (``manifest.csv``) and the attribution file are
rewritten whole from the table before and the journals; then the journals go.
"""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ._output import CORNER, Output, is_leftover, photo_name

TABLE = "manifest.csv"
ATTRIBUTION = "ATTRIBUTION.txt"
PARTS = f"{CORNER}/parts"
PART_SECONDS = 10.0  # a bucket gets a part of the journal at least so often

KEPT = ("ok", "gray")  # there is a file
ALIASES = ("duplicate_url", "duplicate_content")  # the file is another's
REFUSED = ("rejected", "opted_out", "gone", "wrong_host", "failed")
UNSETTLED = ("deferred", "cancelled")  # the next call takes them up again
STATUSES = (*KEPT, *ALIASES, *REFUSED, *UNSETTLED)
PURGED = "purged on request"


@dataclass
class Record:
    """A row of the manifest. `path` is relative to the output; bytes and hash are those of the kept file."""

    id: str
    url: str = ""
    final_url: str = ""
    path: str = ""
    status: str = "deferred"
    http_status: int | None = None
    error: str = ""
    attempts: int = 0
    bytes: int | None = None
    sha256: str = ""
    format: str = ""
    width: int | None = None
    height: int | None = None
    mean_chroma: float | None = None
    fetched_at: str = ""
    photographer: str = ""
    licence: str = ""
    duplicate_of: str = ""

    @property
    def purged(self) -> bool:
        return self.error == PURGED

    @classmethod
    def from_texts(cls, row: dict[str, str]) -> Record:
        """A record of a row of the table, where everything is text."""
        return cls(**{name: _FROM_TEXT.get(name, str)(text) for name, text in row.items() if name in COLUMNS})


def _optional(kind):
    return lambda text: kind(text) if text else None


COLUMNS = tuple(field.name for field in fields(Record))
_FROM_TEXT = {
    **dict.fromkeys(("http_status", "bytes", "width", "height"), _optional(int)),
    "mean_chroma": _optional(float),
    "attempts": int,
}


class Journal:
    """A journal of one process, open for appending; may be written from any thread.

    Parameters
    ----------
    output : Output
        For a remote one the lines are also sent there, as numbered parts that are never changed.
    """

    def __init__(self, output: Output):
        self._output = output
        self._run = f"{time.time_ns():020d}-{secrets.token_hex(4)}"  # journals in order of their beginning
        os.makedirs(output.corner, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(os.path.join(output.corner, f"{self._run}.jsonl"), flags, 0o666)
        self._mutex = threading.Lock()
        self._unsent: list[bytes] = []
        self._n_parts = 0
        self._dirty = False
        self._sent_at = time.monotonic()

    def add(self, record: Record) -> None:
        """Write a record; it survives the death of the process, and a power cut from the next `sync` on."""
        line = json.dumps(asdict(record), ensure_ascii=True).encode() + b"\n"
        with self._mutex:
            _write_all(self._file, line)
            self._dirty = True
            if self._output.remote:
                self._unsent.append(line)

    def sync(self, everything: bool = False) -> None:
        """Flush to the disk what was written; send a part to the bucket when its time has come."""
        with self._mutex:
            dirty, self._dirty = self._dirty, False
            due = everything or time.monotonic() - self._sent_at >= PART_SECONDS
            lines, self._unsent = (self._unsent, []) if due else ([], self._unsent)
        if dirty:
            os.fsync(self._file)
        if lines:
            self._sent_at = time.monotonic()
            self._output.write(f"{PARTS}/{self._run}-{self._n_parts:06d}.jsonl", b"".join(lines))
            self._n_parts += 1

    def close(self) -> None:
        """Close the file; `sync` first what shall last."""
        os.close(self._file)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def load_records(output: Output) -> dict[str, Record]:
    """All that is known of an output's addresses, by id: the table, then the journals, the newest last.

    What was purged stays so, whatever a stale journal says.

    Raises
    ------
    ValueError
        The table is not the scraper's.
    """
    records: dict[str, Record] = {}
    table = output.read(TABLE)
    if table is not None:
        try:  # a spreadsheet may have put a byte order mark before it
            reader = csv.DictReader(io.StringIO(table.decode("utf-8-sig"), newline=""), restval="")
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise ValueError(f"its columns are not {','.join(COLUMNS)}")
            records = {row["id"]: Record.from_texts(row) for row in reader}
        except (ValueError, csv.Error) as error:
            raise ValueError(
                f"{output.path(TABLE)!r} is no table of the scraper ({error}): "
                "move it, or give another output"
            ) from error
    for content in _journals(output):
        for line in content.split(b"\n"):
            try:
                record = Record(**json.loads(line))
            except ValueError:  # the half line at the end of a killed process
                continue
            if record.purged or not (record.id in records and records[record.id].purged):
                records[record.id] = record
    return records


def _journals(output: Output) -> Iterable[bytes]:
    if output.remote:
        for name in sorted(output.sizes(PARTS)):
            yield output.read(f"{PARTS}/{name}") or b""
    if os.path.isdir(output.corner):
        for path in sorted(Path(output.corner).glob("*.jsonl")):
            yield path.read_bytes()


def has_journals(output: Output) -> bool:
    """Whether a run was ended before its tables were written, or is running."""
    return any(True for _ in _journals(output))


def original_of(record: Record, records: dict[str, Record]) -> Record:
    """The record whose file a record stands for: the end of its chain of duplicates."""
    passed = set()
    while record.duplicate_of in records and record.id not in passed:
        passed.add(record.id)
        record = records[record.duplicate_of]
    return record


def link_duplicates(records: dict[str, Record]) -> list[Record]:
    """Make records of one content, and of one address, point to the first; gives those newly found."""
    first: dict[str, Record] = {}
    found = []
    for record in records.values():
        if record.status in KEPT and first.setdefault(record.sha256, record) is not record:
            record.status, record.duplicate_of = "duplicate_content", first[record.sha256].id
            found.append(record)
    for record in records.values():
        if record.duplicate_of:
            original = original_of(record, records)
            record.path = original.path if original.status in KEPT else ""
    return found


def finish(output: Output, records: dict[str, Record]) -> None:
    """Settle the duplicates, write table and attribution file, and remove the journals that are in them.

    May be killed at any moment and called again. Only the holder of the output's lock may call it.
    """
    sizes = output.sizes()
    for record in records.values():
        if record.status in KEPT and sizes.get(record.path) != record.bytes:
            record.status, record.error, record.path = "deferred", "its file is missing or changed", ""
    new = link_duplicates(records)
    if new:
        journal = Journal(output)
        for record in new:
            journal.add(record)
        journal.sync(everything=True)
        journal.close()
    without_photo = {photo_name(record.id) for record in records.values() if record.status not in KEPT}
    output.delete(name for name in sizes if name.rpartition(".")[0] in without_photo or is_leftover(name))
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(record) for record in records.values())
    output.write(TABLE, table.getvalue().encode("utf-8", "backslashreplace"))
    output.write(ATTRIBUTION, "".join(f"{line}\n" for line in attribution(records.values())).encode())
    for path in sorted(Path(output.corner).glob("*.jsonl")):  # the oldest first: none outlives its correction
        path.unlink(missing_ok=True)
    if output.remote:
        output.delete(f"{PARTS}/{name}" for name in sorted(output.sizes(PARTS)))


def attribution(records: Iterable[Record]) -> list[str]:
    """A line for each kept photo: its file, whose it is, where it is from and under which licence."""
    lines = (
        f"{r.path}: photo by {r.photographer or 'unknown'}, {r.url}, licence: {r.licence or 'not stated'}"
        for r in records
        if r.status in KEPT
    )
    return [" ".join(line.split()) for line in lines]


def count(records: Sequence[Record]) -> dict[str, int]:
    """How many records have each status, in the order of `STATUSES`, those that occur."""
    found = Counter(record.status for record in records)
    return {status: found[status] for status in STATUSES if found[status]}
