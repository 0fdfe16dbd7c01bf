"""How a scrape goes, for a person to read: a line while it runs, a summary at its end."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from ._manifest import KEPT, Record, count


class Progress(AbstractContextManager):
    """A line on the standard error, renewed twice a second, with counts by status, rate and remaining time.

    It reads the journals as they grow, and so sees the shards of all processes of this machine.

    Parameters
    ----------
    n_tasks : int
        Addresses to fetch.
    corner : str
        Folder of the journals.
    shown : bool
        False shows nothing.
    """

    def __init__(self, n_tasks: int, corner: str, shown: bool):
        self._n_tasks, self._corner = n_tasks, Path(corner)
        self._read: dict[Path, int] = {path: path.stat().st_size for path in self._journals()}
        self._counts: Counter[str] = Counter()
        self._began = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True) if shown and n_tasks else None

    def __enter__(self) -> Progress:
        if self._thread:
            self._thread.start()
        return self

    def __exit__(self, *error) -> None:
        if self._thread:
            self._over.set()
            self._thread.join()
            self._show(end="\n")

    def _run(self) -> None:
        while not self._over.wait(0.5):
            self._show(end="")

    def _journals(self) -> list[Path]:
        return list(self._corner.glob("*.jsonl")) if self._corner.is_dir() else []

    def _show(self, end: str) -> None:
        for path in self._journals():
            with open(path, "rb") as file:
                file.seek(self._read.get(path, 0))
                new = file.read().rpartition(b"\n")[0]
            if new:
                self._read[path] = self._read.get(path, 0) + len(new) + 1
                self._counts.update(json.loads(line)["status"] for line in new.split(b"\n"))
        print("\r" + self.line(time.monotonic() - self._began), end=end, file=sys.stderr, flush=True)

    def line(self, seconds: float) -> str:
        """The line, after so many seconds."""
        n_done = self._counts.total()
        rate = n_done / max(seconds, 1e-9)
        left = _duration((self._n_tasks - n_done) / rate) if n_done else "?"
        statuses = " ".join(f"{name} {n}" for name, n in self._counts.most_common())
        share = 100 * n_done // self._n_tasks
        return f"{n_done}/{self._n_tasks} {share:3d} % {rate:.1f}/s {left} left  {statuses}  "


def summary(records: Sequence[Record], n_asked: int, seconds: float, root: str) -> str:
    """What a scrape did, in a few lines."""
    counts = count(records)
    n_photos = sum(counts.get(status, 0) for status in KEPT)
    size = sum(record.bytes or 0 for record in records if record.status in KEPT)
    lines = [
        f"{n_photos} of {len(records)} addresses have a photo in {root} ({size / 2**20:.1f} MiB); "
        f"{n_asked} were asked for in {_duration(seconds)}."
    ]
    lines += [f"  {n:>7}  {status}{_MEANINGS.get(status, '')}" for status, n in counts.items()]
    causes = Counter(record.error for record in records if record.status not in KEPT and record.error)
    lines += [f"  {n:>7}  x {error}" for error, n in causes.most_common(5)]
    return "\n".join(lines)


_MEANINGS = {
    "gray": ": kept, but fit can't learn colours from them",
    "deferred": ": their host rests; the same call takes them up again",
    "cancelled": ": the same call takes them up again",
    "failed": ": retry_failed=True tries them again",
}


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
