"""How fast the scraper is, what it costs, and how much memory it takes, beside a plain loop of the same work.

All that is measured runs in processes of its own, so that the server's work does not count. For the figures:
``pytest tests/benchmarks/test_scraper_speed.py --benchmark-enable -s``.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from timing import tell

pytest.importorskip("aiohttp")
pytest.importorskip("requests")

SERVER = """
import io, struct, sys, time
sys.path.insert(0, {tests!r})
from fault_server import FaultServer, answer
from PIL import Image
from skimage import data

buffer = io.BytesIO()
Image.fromarray(data.astronaut()).save(buffer, "JPEG", quality=94)
body = buffer.getvalue()  # about 86 KB
bomb = bytearray(body)
at = bomb.index(b"\\xff\\xc0") + 5
bomb[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
with FaultServer() as server:
    for i in range({n}):
        comment = b"\\xff\\xfe" + struct.pack(">HI", 6, i)  # no two are alike
        server.add(f"/{{i}}.jpg", answer(body[:2] + comment + body[2:]))
    for i in range({n} // 20):
        server.add(f"/bomb{{i}}.jpg", answer(bytes(bomb)))
    print(server.port, len(body), flush=True)
    sys.stdin.read()
"""

MEASURE = """
import json, resource, sys, time
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
urls, output = json.load(sys.stdin)
{prepare}
wall, cpu = time.perf_counter(), time.process_time()
{work}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps({{"wall": wall, "cpu": cpu, "peak": peak()}}))
"""

SCRAPER = {
    "prepare": """
from skcolorize.datasets import ImageScraper
import skcolorize.datasets._campaign
""",
    "work": """
counts = ImageScraper(output, allow_private=True, max_per_host=32).fetch(urls).counts
assert counts["ok"] + counts["rejected"] == len(urls), counts
""",
}

PLAIN = {  # what one writes first: no resuming, limits, checks of size, robots, manifest
    "prepare": """
import io, os
from concurrent.futures import ThreadPoolExecutor
import numpy as np, requests
from PIL import Image
from skimage.color import rgb2lab
os.makedirs(output)
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=32))
def fetch(url):
    body = session.get(url, timeout=60).content
    with Image.open(io.BytesIO(body)) as image:
        small = image.convert("RGB").resize((64, 64))
    np.hypot(*np.moveaxis(rgb2lab(np.asarray(small))[..., 1:], -1, 0)).mean()
    with open(os.path.join(output, url.rsplit("/", 1)[1]), "wb") as file:
        file.write(body)
""",
    "work": """
with ThreadPoolExecutor(32) as pool:
    list(pool.map(fetch, [url for url in urls if "bomb" not in url]))
""",
}


def measure(script, urls, output):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(**script)],
        input=json.dumps([urls, str(output)]), capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_scraper_beside_a_plain_loop(benchmark, tmp_path):
    n = 2000 if benchmark.enabled else 60
    script = SERVER.format(n=n, tests=str(Path(__file__).parents[1]))
    server = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        port, size = map(int, server.stdout.readline().split())
        urls = [f"http://127.0.0.1:{port}/{i}.jpg" for i in range(n)]
        urls += [f"http://127.0.0.1:{port}/bomb{i}.jpg" for i in range(n // 20)]
        plain = measure(PLAIN, urls, tmp_path / "plain")
        ours = benchmark.pedantic(measure, args=(SCRAPER, urls, tmp_path / "ours"), rounds=1)
    finally:
        server.stdin.close()
        server.wait()
        server.stdout.close()
    print(f"\n{n} photos of {size / 1000:.0f} kB")
    for name, row in {"plain": plain, "ours": ours}.items():
        rate, cost = n / row["wall"], 1e3 * row["cpu"] / n
        told = f"{rate:.0f} photos/s, {cost:.2f} ms CPU a photo, {row['peak']:.0f} MB at the peak"
        benchmark.extra_info[name] = told
        print(f"{name}: {told}")
    assert len(list((tmp_path / "ours").glob("*.jpg"))) == n
    if benchmark.enabled:
        assert ours["cpu"] / n <= 0.005 and ours["peak"] < 400
        tell(
            benchmark,
            f"scraping {n:,} photos from one server, processor time",
            "requests and Pillow in threads",
            plain["cpu"] / ours["cpu"],  # with all that a plain loop leaves out
            at_least=1,
        )
