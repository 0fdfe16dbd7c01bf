"""What the scraper's tests share: photos to serve, a clock whose rests pass at once, a look at the output."""

import asyncio
import csv
import hashlib
import io
import time
from pathlib import Path

import numpy as np
from PIL import Image

from skcolorize.datasets._hosts import Clock


class FastClock(Clock):
    """Real time, in which sleeping takes none and a deadline of a minute is over in half a second."""

    def __init__(self):
        self.ahead = 0.0
        self.waits: list[float] = []

    def now(self):
        return time.monotonic() + self.ahead

    async def sleep(self, seconds):
        until = self.now() + seconds
        await asyncio.sleep(0.001)
        self.ahead = max(self.ahead, until - time.monotonic())  # sleepers side by side sleep together

    def wait(self, seconds):
        self.waits.append(seconds)
        self.ahead += seconds

    def deadline(self, seconds):
        return asyncio.timeout(seconds / 120)

    def left(self, deadline):
        return 120 * super().left(deadline)


def picture(seed=0, size=(80, 60), format="JPEG", **options):
    """The bytes of a colourful photo; no two seeds give the same."""
    colours = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(colours).resize(size, Image.Resampling.BICUBIC).save(buffer, format, **options)
    return buffer.getvalue()


def table_of(output):
    """The rows of the manifest, by id."""
    with open(Path(output) / "manifest.csv", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def assert_consistent(output):
    """The files are those of the manifest, whole, and nothing is left over."""
    rows = table_of(output).values()
    kept = {row["path"]: row for row in rows if row["status"] in {"ok", "gray"}}
    files = {path.name for path in Path(output).iterdir() if path.is_file()}
    assert files == {*kept, "manifest.csv", "ATTRIBUTION.txt"}
    for name, row in kept.items():
        content = (Path(output) / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (int(row["bytes"]), row["sha256"])
        Image.open(io.BytesIO(content)).load()
    assert not list((Path(output) / ".skcolorize").glob("*.jsonl"))
