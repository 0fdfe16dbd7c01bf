"""What the scraper's tests share: photos to serve, a clock whose rests pass at once, a look at the output."""

import asyncio
import csv
import hashlib
import io
import json
import random
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from skcolorize.datasets import ImageScraper
from skcolorize.datasets._hosts import Clock


class FastClock(Clock):
    """Real time, in which sleeping takes none, and in which deadlines may be near."""

    def __init__(self):
        self.hurry = 1  # how many times faster deadlines pass
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
        return asyncio.timeout(seconds / self.hurry)

    def left(self, deadline):
        return self.hurry * super().left(deadline)


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


SCRIPT = """
import json, sys
from skcolorize.datasets import ImageScraper
urls, params = json.load(sys.stdin)
print(json.dumps(ImageScraper(**params).fetch(urls).counts))
"""


def scrape_in_process(urls, **params):
    """Start a process that fetches; its standard output ends with the counts."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdin.write(json.dumps([urls, {"allow_private": True, **params}]).encode())
    process.stdin.close()
    process.stdin = None
    return process


WORKERS = 8


def wait_for(condition, what):
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until, f"{what} did not happen"
        time.sleep(0.001)


def kill_and_resume(server, urls, n_kills, seed, output, **params):
    """Kill a scraper `n_kills` times, each time after some more requests, then let one finish.

    Gives for each kill how many requests the server had got.
    """
    draw = random.Random(seed)
    paths = ["/" + url.rsplit("/", 1)[1] for url in urls]
    killed_at = []
    for _ in range(n_kills):
        after = server.asked() + draw.randrange(1, max(2, len(urls) // n_kills))
        process = scrape_in_process(urls, output=output, max_per_host=WORKERS, **params)
        wait_for(lambda n=after, p=process: server.asked() >= n or p.poll() is not None, "a request")
        time.sleep(draw.uniform(0, 0.02))
        process.kill()
        process.communicate()
        killed_at.append(server.asked())
    last = ImageScraper(output, allow_private=True, max_per_host=WORKERS, **params).fetch(urls)
    assert last.counts == {"ok": len(urls)}
    asked = [request.path for request in server.requests if request.path != "/robots.txt"]
    assert set(asked) == set(paths)
    for path in set(paths):  # by the server's numbers: asked again only if in flight when one was killed
        numbers = [i for i, other in enumerate(asked) if other == path]
        for earlier, later in pairwise(numbers):
            assert any(earlier < killed <= later for killed in killed_at)
            assert min(killed for killed in killed_at if killed > earlier) - earlier <= 6 * WORKERS
    assert len(asked) - len(paths) <= 2 * WORKERS * n_kills  # as many again may be in the storing
    return killed_at
