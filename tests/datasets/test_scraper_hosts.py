"""Manners towards hosts that fail, and room in memory: rests that grow, trials, waits that end, budgets."""

import asyncio
import json
import subprocess
import sys
import threading
import time

import pytest
from fault_server import FaultServer, answer, endless, late
from scraping import FastClock, picture

from skcolorize.datasets import _fetch, _web
from skcolorize.datasets._hosts import Budget, Host, Resting, Standing, retry_after
from skcolorize.datasets._output import Output


def test_a_host_rests_after_five_failures_in_a_row_and_longer_each_time():
    clock = FastClock()

    async def story():
        host = Host("a", 8, clock, Standing())
        rests = []
        for _ in range(4):
            host.failed()
        host.succeeded()
        for _ in range(4):
            host.failed()
        assert not host.resting
        for _ in range(6):
            host.failed()
            host.failed()  # one that was on its way: it changes nothing
            rests.append(host.standing.seconds)
            with pytest.raises(Resting):
                async with host.turn():
                    pass
            await clock.sleep(host.standing.seconds)
            async with host.turn():  # after the rest a trial, which fails
                pass
        host.succeeded()
        host.failed()
        assert not host.resting
        return rests

    assert asyncio.run(story()) == pytest.approx([60, 120, 240, 480, 900, 900], abs=0.5)


def test_after_a_rest_one_request_tries_for_all():
    clock = FastClock()

    async def story():
        host = Host("a", 8, clock, Standing(0, 60))
        inside = most = 0

        async def request():
            nonlocal inside, most
            try:
                async with host.turn():
                    inside += 1
                    most = max(most, inside)
                    await asyncio.sleep(0.001)
                    inside -= 1
                    host.failed()
            except Resting:
                return 0
            return 1

        asked = await asyncio.gather(*(request() for _ in range(20)))
        return sum(asked), most

    assert asyncio.run(story()) == (1, 1)


def test_a_dead_host_costs_few_requests_and_the_run_ends(server, make):
    with FaultServer("127.0.0.2") as dead:
        urls = [dead.add(f"/{i}.jpg", answer(status="500 Oops")) for i in range(100)]
        urls += [server.add(f"/{i}.jpg", answer(picture(i))) for i in range(20)]
        scraper = make()
        counts = scraper.fetch(urls).counts
        assert counts["ok"] == 20 and counts["deferred"] + counts.get("failed", 0) == 100
        assert dead.asked() <= 12 + 3  # a round of eight, with luck a few more, and the trials
        assert 300 <= sum(scraper._clock.waits) <= 600


def test_a_host_that_recovers_gives_all_its_photos(server, make):
    for i in range(30):
        faults = [answer(status="503 Busy")] if i < 8 else []
        server.add(f"/{i}.jpg", *faults, answer(picture(i)))
    scraper = make()
    assert scraper.fetch([server.url(f"/{i}.jpg") for i in range(30)]).counts == {"ok": 30}
    assert scraper._clock.waits == pytest.approx([60], abs=20)  # less what the retries slept


def test_a_gone_host_does_not_hold_up_the_others(server, make):
    closed = server.url("/a.jpg").replace(str(server.port), "9")
    counts = make().fetch([closed, server.add("/a.jpg", answer(picture()))]).counts
    assert counts == {"ok": 1, "failed": 1}


def test_limits_of_a_host_and_of_all(server, make):
    with FaultServer("127.0.0.2") as other:
        now = most = 0
        counting = threading.Lock()

        async def counted(writer, body):
            nonlocal now, most
            with counting:
                now += 1
                most = max(most, now)
            await asyncio.sleep(0.02)
            with counting:
                now -= 1
            writer.write(answer(body))

        for host in (server, other):
            for i in range(20):
                body = picture(i + 20 * (host is other))
                host.add(f"/{i}.jpg", lambda writer, body=body: counted(writer, body))
        urls = [host.url(f"/{i}.jpg") for i in range(20) for host in (server, other)]
        assert make(max_per_host=4, max_concurrency=6).fetch(urls).counts == {"ok": 40}
        assert server.most_at_once == other.most_at_once == 4 and most == 6


def test_redirects_keep_to_the_limit_of_the_host_they_lead_to(server, make):
    with FaultServer("127.0.0.2") as other:
        for i in range(20):
            server.add(f"/{i}.jpg", late(answer(picture(i)), 0.02))
            other.add(f"/{i}.jpg", answer(status="302 Found", Location=server.url(f"/{i}.jpg")))
        urls = [host.url(f"/{i}.jpg") for i in range(20) for host in (server, other)]
        assert make(max_per_host=3).fetch(urls).counts == {"ok": 20, "duplicate_content": 20}
        assert server.most_at_once <= 3


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7), ("0", 1), ("-3", 1), ("soon", None), ("", None), (None, None),
                          ("Wed, 21 Oct 2015 07:28:00 GMT", 1), ("1.5", None)]
)  # fmt: skip
def test_retry_after(text, seconds):
    assert retry_after(text) == seconds


def test_budget_is_kept_in_order_and_never_starves_the_large():
    async def story():
        budget = Budget(10)
        order, held, most = [], 0, 0

        async def user(name, amount):
            nonlocal held, most
            async with budget.take(amount):
                order.append(name)
                held += min(amount, 10)
                most = max(most, held)
                await asyncio.sleep(0.001)
                held -= min(amount, 10)

        amounts = [4, 4, 25, 1, 1, 3, 10, 2]
        async with asyncio.timeout(5):
            await asyncio.gather(*(user(i, amount) for i, amount in enumerate(amounts)))
        return order, most

    order, most = asyncio.run(story())
    assert order == list(range(8)) and most == 10


class Held:
    """What is held at once, from the moment a body is complete until it is stored; storing takes a while."""

    def __init__(self, monkeypatch):
        self.bodies = self.most = 0
        self.size_of, self.write = _fetch.size_of, Output.write
        monkeypatch.setattr(_fetch, "size_of", self.arrived)
        monkeypatch.setattr(Output, "write", lambda *call: self.stored(*call))

    def arrived(self, body):
        self.bodies += 1
        self.most = max(self.most, self.bodies)
        return self.size_of(body)

    def stored(self, output, name, content):
        time.sleep(0.005)
        self.write(output, name, content)
        self.bodies -= name.endswith(".jpg")


@pytest.mark.parametrize("known", [True, False])
def test_bodies_in_flight_keep_to_the_budget(server, make, monkeypatch, known):
    """With room for two photos, two are held at a time; of unknown length, the large ones one by one."""
    bodies = [picture(i, (300, 300), quality=98) for i in range(30)]
    monkeypatch.setattr(_web, "BYTES_IN_FLIGHT", int(2.5 * max(map(len, bodies))))
    monkeypatch.setattr(_web, "UNKNOWN_LENGTH", min(map(len, bodies)) // 2)

    async def close(writer, body):
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    held, urls = Held(monkeypatch), []
    for i, body in enumerate(bodies):
        reply = answer(body) if known else lambda writer, body=body: close(writer, body)
        urls.append(server.add(f"/{i}.jpg", reply))
    assert make(max_per_host=30).fetch(urls).counts == {"ok": 30}
    assert held.most == (2 if known else 1)


def test_pixels_in_flight_keep_to_the_budget(server, make, monkeypatch):
    monkeypatch.setattr(_fetch, "PIXELS_IN_FLIGHT", 80 * 60)
    decoded, most = 0, 0
    check = _fetch.check_photo

    def watched(body, max_size):
        nonlocal decoded, most
        decoded += 1
        most = max(most, decoded)
        try:
            return check(body, max_size)
        finally:
            decoded -= 1

    monkeypatch.setattr(_fetch, "check_photo", watched)
    monkeypatch.setattr(_fetch, "cpu_count", lambda: 8)
    urls = [server.add(f"/{i}.jpg", answer(picture(i))) for i in range(40)]
    assert make(max_per_host=32).fetch(urls).counts == {"ok": 40} and most == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_memory_is_bounded_whatever_servers_send(server, tmp_path):
    """32 bodies at a time of 50 MiB and photos of 59 megapixels: gigabytes, if all were held at once."""
    head = picture(0, (2000, 2000))
    big = picture(0, (7700, 7700), format="PNG", compress_level=1)
    urls = [server.add(f"/endless{i}", endless(head)) for i in range(40)]
    urls += [server.add(f"/long{i}", answer(head + bytes(50 * 2**20 - len(head)))) for i in range(40)]
    urls += [server.add(f"/large{i}", answer(big + bytes([i]))) for i in range(4)]
    script = f"""
import json
from skcolorize.datasets import ImageScraper
scraper = ImageScraper({str(tmp_path / "photos")!r}, allow_private=True, max_per_host=32, timeout=600)
counts = scraper.fetch({urls!r}).counts
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(json.dumps([counts, int(peak) / 1024]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=900)
    assert done.returncode == 0, done.stderr.decode()
    counts, peak = json.loads(done.stdout)
    assert counts["rejected"] == 40 and peak < 900, (counts, peak)
